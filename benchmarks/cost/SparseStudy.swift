import CostModel
import Foundation
import Model
import Numerics
import Records
import Reports

/// Held-out errors of the forms of experts and of latent attention on three GPUs' kernel tables: each
/// group of sizes whole, beside a table that is interpolated, and what the A100's coefficients alone
/// say of the other two.
struct SparseStudy {
  private static let devices = [
    ("a100-80gb", "a100-sxm-80gb"), ("h100-sxm", "h100-sxm"), ("l40s", "l40s"),
  ]

  private var heldOut = Table([
    ("device", .left), ("operator", .left), ("rows", .right), ("groups", .right),
    ("median", .right), ("mean", .right), ("p90", .right), ("coverage", .right),
    ("table median", .right), ("table mean", .right),
  ])
  private var transfer = Table([
    ("device", .left), ("family", .left), ("coefficients", .left), ("median", .right),
    ("mean", .right), ("p90", .right),
  ])
  private var repeats = Table([
    ("device", .left), ("operator", .left), ("pairs", .right), ("median", .right), ("mean", .right),
  ])
  /// The first device's fits.
  private var fitted: [String: CalibratedFamily] = [:]

  mutating func run() throws {
    for (name, folder) in Self.devices {
      let device = try DeviceZoo.resolve(name)
      var measurements = Measurements()
      for table in ["moe", "context_mla", "generation_mla"] {
        try measurements.add(
          contentsOf: CostStudy.data("gpu-ops/\(folder)-vllm-0.14.0/\(table).csv"))
      }
      let timings = FamilyTimings(
        measurements.operators.filter { $0.weights == .bf16 && $0.cache == .bf16 },
        activationBytes: 2)
      try study(
        RoutedExperts.self, timings.experts, device, kinds: [("experts", { _ in true })]
      ) { load in
        Interpolation.Place(
          series: "\(load.placement.expertParts)",
          sizes: [
            Double(load.tokens), Double(load.columns), Double(load.hiddenSize),
            Double(load.active), Double(load.count / load.placement.expertParts),
          ], scale: Double(load.hiddenSize) * Double(load.columns))
      }
      try study(
        MultiHeadLatentAttention.self, timings.latentAttention, device,
        kinds: [
          ("latent attention, prefill", { $0.expanded.tokens > 0 }),
          ("latent attention, decode", { $0.expanded.tokens == 0 }),
        ]
      ) { shape in
        let sequences = shape.expanded.sequences + shape.absorbed.sequences
        return Interpolation.Place(
          series: shape.expanded.tokens > 0 ? "prefill" : "decode",
          sizes: [
            Double(sequences), Double(shape.positions) / Double(sequences),
            Double(shape.queryHeads),
          ], scale: 1)
      }
    }
    print("### Held out, group by group\n\n\(heldOut.rendered(.markdown))\n")
    print(
      "Errors of a fit that has not seen the group: experts of one hidden size, intermediate size "
        + "and number, all and active; latent attention of as many heads on a device. Intervals are "
        + "those of the other half of the rows. The table is the nearest rows of the other groups, "
        + "weighted by distance in logarithms and scaled by the size of an expert's matrices.\n")
    print("### Repeats\n\n\(repeats.rendered(.markdown))\n")
    print(
      "Rows of the same sizes that a table holds twice, one as a prediction of the other: what is "
        + "left with the timing itself.\n")
    print("### Without the device's own timings\n\n\(transfer.rendered(.markdown))")
  }

  private mutating func study<Form: CostForm>(
    _ form: Form.Type, _ rows: [Timing<Form.Shape>], _ device: DeviceProfile,
    kinds: [(name: String, has: (Form.Shape) -> Bool)],
    place: (Form.Shape) -> Interpolation.Place
  ) throws {
    let context = try DeviceContext(
      device.limits, weights: .bf16, cache: .bf16, isWarm: true,
      tunedExperts: device.tunedExperts)
    let (kept, _) = rows.possible(form, context)
    let calibration = FamilyCalibration<Form>(context)
    // In one order: folds take rows out and put them back.
    let groups = Folds.leaveOneOut(kept.map(\.group))
    let ordered = groups.flatMap { held in kept.filter { held.contains($0.group) } }
    let covered = calibration.crossValidated(ordered, folds: groups).crossCovered(seed: 0)
    let places = ordered.map { place($0.shape) }
    let table = Interpolation(
      zip(places, ordered).map { ($0, $1.group, $1.seconds) }
    ).heldOut()
    for (name, has) in kinds {
      let chosen = ordered.indices.filter { has(ordered[$0].shape) }
      let error = ErrorSummary(chosen.map { covered[$0] })
      let interpolated = ErrorSummary(
        chosen.map {
          Comparison(predicted: table[$0], measured: ordered[$0].seconds, regime: "")
        })
      heldOut.add([
        device.name, name, "\(error.rows)", "\(Set(chosen.map { ordered[$0].group }).count)",
        Quantity.percent(error.median), Quantity.percent(error.mean),
        Quantity.percent(error.percentile90), Quantity.percent(error.coverage!),
        Quantity.percent(interpolated.median), Quantity.percent(interpolated.mean),
      ])
      addRepeats(name, chosen.map { ordered[$0] }, device)
    }
    func add(_ what: String, _ values: [Double]) {
      let error = ErrorSummary(calibration.compare(kept, values))
      transfer.add([
        device.name, Form.family, what, Quantity.percent(error.median),
        Quantity.percent(error.mean), Quantity.percent(error.percentile90),
      ])
    }
    add("nominal", calibration.prior.values)
    if let other = fitted[Form.family] {
      add("a100-80gb's", Prior(Form.coefficients, from: [other], sameKind: true).values)
    } else {
      let fit = calibration.fit(kept)
      add("own", fit.values)
      fitted[Form.family] = CalibratedFamily(
        coefficients: Form.coefficients.indices.map {
          CalibratedCoefficient(
            name: Form.coefficients[$0].name, value: fit.values[$0],
            standardError: fit.standardErrors[$0], provenance: device.name, samples: fit.rows)
        }, rung: .operators)
    }
  }

  private mutating func addRepeats<Shape>(
    _ name: String, _ rows: [Timing<Shape>], _ device: DeviceProfile
  ) {
    let pairs = Dictionary(grouping: rows, by: \.shape).values.filter { $0.count > 1 }
    guard !pairs.isEmpty else { return }
    let error = ErrorSummary(
      pairs.map {
        Comparison(predicted: $0[0].seconds, measured: $0[1].seconds, regime: "")
      })
    repeats.add([
      device.name, name, "\(error.rows)", Quantity.percent(error.median),
      Quantity.percent(error.mean),
    ])
  }
}
