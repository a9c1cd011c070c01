import Records
import Requests

/// What clients saw of the engine, as a table for people: a row a load.
public enum LoadTable {
  public static func rendered(_ records: [LoadRecord], _ style: Table.Style = .plain) -> String {
    guard let first = records.first?.measurement else { return "no results" }
    var table = Table([
      ("architecture", .left), ("load", .left), ("TTFT mean", .right), ("95% interval", .right),
      ("p99", .right), ("TPOT mean", .right), ("95% interval", .right), ("p99", .right),
      ("latency p99", .right), ("output tok/s", .right), ("requests", .right),
    ])
    for record in records {
      let (figures, measured) = (record.figures, record.measurement)
      table.add([
        measured.architecture, measured.load, Quantity.seconds(figures.ttftS.mean),
        interval(measured.interval95.ttftS), Quantity.seconds(figures.ttftS.p99),
        Quantity.seconds(figures.tpotS.mean), interval(measured.interval95.tpotS),
        Quantity.seconds(figures.tpotS.p99), Quantity.seconds(figures.latencyS.p99),
        Quantity.number(figures.outputTokensPerSecond), "\(figures.requests)",
      ])
    }
    let lines = [settings(first), limits(first), rounds(records)] + records.map(shares)
    let text = lines.map { style == .markdown ? OutputText.markdown($0) : $0 }
    return table.rendered(style) + "\n\n" + text.joined(separator: "\n")
  }

  private static func interval(_ ends: [Double]?) -> String {
    ends.map { "\(Quantity.seconds($0[0])) – \(Quantity.seconds($0[1]))" } ?? "–"
  }

  private static func settings(_ record: LoadRecord.Measurement) -> String {
    let least =
      record.lengthRange < 1 ? ", lengths from \(Quantity.percent(record.lengthRange)) of it" : ""
    return
      "\(record.prompt)x\(record.generate)\(least), chunks of \(record.nBatch); "
      + "\(record.typeWeights) weights, \(record.typeK) KV cache; "
      + "\(OutputText.terminal(record.cpuInfo)), \(record.nThreads) threads, "
      + "\(record.environment.instructionSet)."
  }

  private static func limits(_ record: LoadRecord.Measurement) -> String {
    "Limits of this run: \(Quantity.number(record.limits.readBandwidth * 1e-9)) GB/s read, "
      + "\(Quantity.number(record.limits.multiplyAddPeak * 1e-9)) GFLOP/s f32 multiply-add"
      + (record.limits.integerPeak.map { ", \(Quantity.number($0 * 1e-9)) GOP/s int8" } ?? "")
      + (record.limits.bf16Peak.map { ", \(Quantity.number($0 * 1e-9)) GFLOP/s bf16" } ?? "")
      + "."
  }

  private static func rounds(_ records: [LoadRecord]) -> String {
    // A run that was stopped may have ended within a round.
    let counts = records.map(\.measurement.rounds.count)
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    let disturbed = records.flatMap { record in
      record.measurement.rounds.filter { !$0.circumstances.suspicions.isEmpty }.map {
        "\(OutputText.terminal(record.measurement.architecture)) \(record.measurement.load) "
          + "in round \($0.circumstances.block + 1) ("
          + $0.circumstances.suspicions.map(\.rawValue).joined(separator: ", ") + ")"
      }
    }
    return
      "\(least == most ? "\(most)" : "\(least) to \(most)") round\(most == 1 ? "" : "s") of every load"
      + (disturbed.isEmpty ? "." : "; disturbed: \(disturbed.joined(separator: "; ")).")
  }

  private static func shares(_ record: LoadRecord) -> String {
    let shares = record.figures.timeShares
    return
      "\(OutputText.terminal(record.measurement.architecture)), \(record.measurement.load): of a "
      + "request's time \(Quantity.percent(shares.queue)) is waiting, "
      + "\(Quantity.percent(shares.prefill)) steps with prompts, "
      + "\(Quantity.percent(shares.decode)) decoding, \(Quantity.percent(shares.host)) host."
  }
}
