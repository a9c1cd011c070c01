import Input
import Numerics
import Records

/// Throughput records as a table for people. Where several architectures ran the same test, each is
/// compared with the first of them.
public enum ThroughputTable {
  public static func rendered(_ records: [ThroughputRecord], _ style: Table.Style = .plain)
    -> String
  {
    guard let first = records.first else { return "no results" }
    let baselines = Dictionary(
      records.enumerated().map { (Cell($0.element), $0.offset) },
      uniquingKeysWith: { first, _ in first })
    let compared = baselines.count < records.count
    let batches = Set(records.map(\.nSequences)).count > 1
    let formats = Set(records.map(\.typeWeights)).count > 1
    var columns: [(String, Table.Alignment)] = [("architecture", .left)]
    if formats { columns.append(("weights", .left)) }
    columns.append(("test", .left))
    if batches { columns.append(("batch", .right)) }
    columns += [("tok/s", .right), ("95% interval", .right)]
    if compared {
      columns.append(
        ("against \(first.modelType)\(formats ? " \(first.typeWeights)" : "")", .right))
    }
    columns += [
      ("of floor", .right), ("paired", .right), ("GB/s", .right), ("of bandwidth", .right),
      ("GFLOP/s", .right), ("of peak", .right),
    ]
    var table = Table(columns)
    for (index, record) in records.enumerated() {
      var cells = [record.modelType]
      if formats { cells.append("\(record.typeWeights)") }
      cells.append(record.testName)
      if batches { cells.append("\(record.nSequences)") }
      cells += [
        Quantity.number(record.medianTs), spread(record.samplesTs, interval: record.ci95Ts),
      ]
      if compared {
        let baseline = baselines[Cell(record)] ?? index
        cells.append(baseline == index ? "" : ratio(record, records[baseline]))
      }
      cells += [
        Quantity.percent(record.floorFraction), Quantity.percent(record.pairedFloorFraction),
        Quantity.number(record.gbps), Quantity.percent(record.bandwidthFraction),
        Quantity.number(record.gflops), Quantity.percent(record.peakFraction),
      ]
      table.add(cells)
    }
    let legend = legend(
      first, records, compared: compared, batches: batches, formats: formats)
    let lines = legend.split(separator: "\n").map {
      style == .markdown ? OutputText.markdown(String($0)) : String($0)
    }
    return table.rendered(style) + "\n\n" + lines.joined(separator: "\n")
  }

  /// What must be equal for two architectures to be compared.
  private struct Cell: Hashable {
    let test: String
    let sequences: Int

    init(_ record: ThroughputRecord) {
      test = record.testName
      sequences = record.nSequences
    }
  }

  /// The median of the ratios of samples taken in the same block, with its interval.
  private static func ratio(_ record: ThroughputRecord, _ baseline: ThroughputRecord) -> String {
    let others = Dictionary(
      zip(baseline.sampleCircumstances.map(\.block), baseline.samplesTs),
      uniquingKeysWith: { first, _ in first })
    let ratios = zip(record.sampleCircumstances, record.samplesTs).compactMap { sample, rate in
      others[sample.block].map { rate / $0 }
    }
    guard !ratios.isEmpty else { return "–" }
    let interval = Quantiles.medianInterval(ratios).map { [$0.lowerBound, $0.upperBound] }
    return "\(Quantity.number(Quantiles.median(ratios)))× (\(spread(ratios, interval: interval)))"
  }

  private static func spread(_ values: [Double], interval: [Double]?) -> String {
    if let interval { return "\(Quantity.number(interval[0])) – \(Quantity.number(interval[1]))" }
    guard let low = values.min(), let high = values.max() else { return "–" }
    return "[\(Quantity.number(low)), \(Quantity.number(high))]"
  }

  private static func legend(
    _ record: ThroughputRecord, _ records: [ThroughputRecord], compared: Bool, batches: Bool,
    formats: Bool
  ) -> String {
    let few = record.ci95Ts == nil ? " [a, b]: smallest and largest, too few for an interval." : ""
    return
      (formats ? "" : "\(record.typeWeights) weights, ")
      + "\(record.typeK) KV cache\(batches ? "" : ", batch \(record.nSequences)"); "
      + "\(OutputText.terminal(record.cpuInfo)), "
      + "\(record.nThreads) threads, \(record.environment.instructionSet).\n"
      + "Limits of this run: \(Quantity.number(record.limits.readBandwidth * 1e-9)) GB/s read, "
      + "\(Quantity.number(record.limits.multiplyAddPeak * 1e-9)) GFLOP/s f32 multiply-add"
      + (record.limits.integerPeak.map { ", \(Quantity.number($0 * 1e-9)) GOP/s int8" } ?? "")
      + (record.limits.bf16Peak.map { ", \(Quantity.number($0 * 1e-9)) GFLOP/s bf16" } ?? "")
      + ".\n"
      + "tok/s: median of \(sampleCounts(records)) samples, all sequences together.\(few)"
      + (compared ? " against: median ratio within a block, with its interval." : "")
      + "\nof floor: the least time these limits allow (bytes or FLOPs, whichever binds) over the "
      + "measured one; paired: by the limits right before and after each sample.\n"
      + aboveOne(records) + memory(records) + workloads(records)
  }

  /// Limits are of memory, and the best of a few samples.
  private static func aboveOne(_ records: [ThroughputRecord]) -> String {
    let isAbove = records.contains { $0.isAboveLimits }
    return isAbove
      ? "A share above 100%: the weights stay in a cache, or the run met a better moment than the\n"
        + "limits' samples.\n"
      : ""
  }

  private static func sampleCounts(_ records: [ThroughputRecord]) -> String {
    let counts = records.map(\.samplesNs.count)
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    return least == most ? "\(least)" : "\(least) to \(most)"
  }

  /// What workloads are made of, and how far off they may be.
  private static func workloads(_ records: [ThroughputRecord]) -> String {
    records.compactMap { record in
      guard let workload = record.workload else { return nil }
      let steps =
        workload.mode == .exact
        ? "all \(workload.steps) steps" : "\(workload.timedSteps) of \(workload.steps) steps timed"
      let tpot = workload.tpotS.map { ", \(Quantity.number(1000 * $0)) ms a token" } ?? ""
      let bound = workload.errorBound.map { ", within ±\(Quantity.percent($0))" } ?? ""
      return
        "\n\(OutputText.terminal(record.modelType)) \(record.testName), batch \(record.nSequences): \(steps)"
        + "\(bound); prompts \(Quantity.number(workload.prefillS)) s, "
        + "generation \(Quantity.number(workload.decodeS)) s\(tpot)."
    }.joined()
  }

  private static func memory(_ records: [ThroughputRecord]) -> String {
    var seen: Set<String> = []
    let times = records.filter { seen.insert($0.modelType).inserted }.map {
      "\(OutputText.terminal($0.modelType)) in \(Quantity.number($0.initializationS, digits: 3)) s"
    }
    let peak = Double(records.map(\.processPeakBytes).max() ?? 0)
    let need = Double(records[0].memoryNeedBytes)
    return "weights made: \(times.joined(separator: ", ")); peak memory "
      + "\(Quantity.bytes(peak)), \(Quantity.percent(peak / need)) of weights, KV cache, activations "
      + "and measuring buffers."
  }
}
