import CostModel
import Formats
import Foundation
import Model
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
    try study(MatrixMultiplication.self, timings.gemm, .bf16)
    try study(PrefillAttention.self, timings.prefill, .f16)
    try study(DecodeAttention.self, timings.decode, .f16)
  }

  private func study<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], _ variant: NumberStorage
  ) throws {
    let context = try DeviceContext(limits, weights: .bf16, cache: .bf16, isWarm: true)
    var starts = [("nominal", Prior(Form.coefficients))]
    print("### \(Form.family)\n")
    if let known = host?.related(Form.family, variant) {
      let own = FamilyCalibration<Form>(context).fit(rows).values
      describe(Form.coefficients, known, own)
      let shared = Form.coefficients.map {
        Coefficient($0.name, nominal: $0.nominal, spread: $0.spread, $0.meaning)
      }
      starts += [
        ("host", Prior(Form.coefficients, from: [known], sameKind: false)),
        ("host, all carried", Prior(shared, from: [known], sameKind: false)),
      ]
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

  /// Coefficients that this host has too, and whether its values are nearer to the GPU's than the
  /// nominal ones are.
  private func describe(
    _ coefficients: [Coefficient], _ host: CalibratedFamily, _ fitted: [Double]
  ) {
    var table = Table([
      ("coefficient", .left), ("nominal", .right), ("host", .right), ("A100", .right),
      ("host is nearer", .left), ("carried", .left),
    ])
    for (coefficient, own) in zip(coefficients, fitted) {
      guard let known = host.coefficients.first(where: { $0.name == coefficient.name }) else {
        continue
      }
      let isNearer = abs(log(known.value / own)) < abs(log(coefficient.nominal / own))
      table.add([
        coefficient.name, Quantity.number(coefficient.nominal), Quantity.number(known.value),
        Quantity.number(own), isNearer ? "yes" : "no", coefficient.carries ? "yes" : "no",
      ])
    }
    print(table.rendered(.markdown) + "\n")
  }
}
