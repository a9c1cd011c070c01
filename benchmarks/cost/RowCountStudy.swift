import CostModel
import Foundation
import Numerics
import Records
import Reports

/// How the error on held-out shapes falls with the number of GPU measurements, from nominal
/// coefficients and from this host's.
struct RowCountStudy {
  private let timings: FamilyTimings
  private let limits: DeviceLimits
  private let host: DeviceProfile?
  private static let counts = [0, 5, 10, 20, 50]
  private static let draws = 12

  /// - Parameter host: a calibrated profile of this host.
  init(host: String?) throws {
    timings = try CostStudy.a100Timings()
    limits = try DeviceZoo.resolve("a100-80gb").limits
    self.host = try host.map(DeviceZoo.resolve)
  }

  func run() throws {
    try study(MatrixMultiplication.self, timings.gemm, "bf16")
    try study(PrefillAttention.self, timings.prefill, "f16")
    try study(DecodeAttention.self, timings.decode, "f16")
  }

  private func study<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], _ variant: String
  ) throws {
    let context = try DeviceContext(limits, weights: .bf16, cache: .bf16, isWarm: true)
    var starts = [("nominal", Prior(Form.coefficients))]
    if let known = host?.families[Form.family]?[variant] {
      starts.append(("host", Prior(Form.coefficients, from: known, sameKind: false)))
      print("### \(Form.family): what the host's coefficients are worth\n")
      var table = Table([
        ("coefficient", .left), ("nominal", .right), ("host", .right), ("carried", .right),
        ("A100", .right),
      ])
      let own = FamilyCalibration<Form>(context).fit(rows)
      for (index, coefficient) in Form.coefficients.enumerated() {
        table.add([
          coefficient.name, Quantity.number(coefficient.nominal),
          // A CPU's form has coefficients of its own.
          known.coefficients.first { $0.name == coefficient.name }
            .map { Quantity.number($0.value) } ?? "–",
          coefficient.carries ? Quantity.number(starts[1].1.values[index]) : "not carried",
          Quantity.number(own.values[index]),
        ])
      }
      print(table.rendered(.markdown) + "\n")
    } else {
      print("### \(Form.family)\n")
    }
    var table = Table(
      [("start", .left)] + Self.counts.map { ("\($0) rows", .right) } + [("all", .right)])
    for (name, prior) in starts {
      let calibration = FamilyCalibration<Form>(context, prior: prior)
      var cells = [name]
      for count in Self.counts + [Int.max] {
        let draws = count == 0 || count == .max ? 4 : Self.draws
        let errors = Parallel.map(draws) { draw -> Double in
          let held = Folds.random(rows.map(\.group), count: 2, seed: UInt64(draw))[0]
          var generator = SeededGenerator(seed: 99, stream: draw)
          let training = rows.filter { !held.contains($0.group) }.shuffled(using: &generator)
            .prefix(count)
          let test = rows.filter { held.contains($0.group) }
          return ErrorSummary(
            calibration.compare(test, calibration.fit(Array(training)).values)
          ).mean
        }
        cells.append(
          "\(Quantity.percent(Moments.mean(errors))) (worst \(Quantity.percent(errors.max()!)))")
      }
      table.add(cells)
    }
    print("Mean error on held-out shapes, averaged over draws:\n")
    print(table.rendered(.markdown) + "\n")
  }
}
