import Records

/// Throughput records as a table for people.
public enum ThroughputTable {
  public static func rendered(_ records: [ThroughputRecord], _ style: Table.Style = .plain)
    -> String
  {
    guard let first = records.first else { return "no results" }
    var table = Table([
      ("architecture", .left), ("weights", .left), ("KV", .left), ("batch", .right),
      ("test", .left), ("tok/s", .right), ("95% interval", .right), ("GB/s", .right),
      ("of bandwidth", .right), ("GFLOP/s", .right), ("of peak", .right), ("of floor", .right),
      ("paired", .right),
    ])
    for record in records {
      let interval =
        record.ci95Ts.map { "\(Quantity.number($0[0])) – \(Quantity.number($0[1]))" }
        ?? range(record)
      table.add([
        record.modelType, record.typeWeights.rawValue, record.typeK.rawValue,
        "\(record.nSequences)", record.testName, Quantity.number(record.medianTs), interval,
        Quantity.number(record.gbps), Quantity.percent(record.bandwidthFraction),
        Quantity.number(record.gflops), Quantity.percent(record.peakFraction),
        Quantity.percent(record.floorFraction), Quantity.percent(record.pairedFloorFraction),
      ])
    }
    return table.rendered(style) + "\n\n"
      + "\(first.cpuInfo), \(first.nThreads) threads, \(first.environment.instructionSet). "
      + "Limits of this run: \(Quantity.number(first.limits.readBandwidth * 1e-9)) GB/s read, "
      + "\(Quantity.number(first.limits.multiplyAddPeak * 1e-9)) GFLOP/s f32 multiply-add.\n"
      + "tok/s: median of \(first.samplesNs.count) samples, all sequences together. "
      + "[a, b]: smallest and largest, too few samples for an interval.\n"
      + "of floor: the least time these limits allow (bytes or FLOPs, whichever binds) over the "
      + "measured one; paired: by the limits right before and after each sample."
  }

  private static func range(_ record: ThroughputRecord) -> String {
    guard let low = record.samplesTs.min(), let high = record.samplesTs.max() else { return "–" }
    return "[\(Quantity.number(low)), \(Quantity.number(high))]"
  }
}
