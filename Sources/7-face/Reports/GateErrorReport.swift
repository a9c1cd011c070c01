import Records

/// What the gate's self-test found, for people.
public enum GateErrorReport {
  public static func rendered(_ record: GateErrorRecord) -> String {
    var table = Table([("", .left), ("rate", .right), ("95% interval", .right), ("counts", .right)])
    func add(_ name: String, _ rate: GateErrorRecord.Rate) {
      table.add([
        name, Quantity.percent(Double(rate.count) / Double(rate.trials)),
        "\(Quantity.percent(rate.interval[0])) – \(Quantity.percent(rate.interval[1]))",
        "\(rate.count) of \(rate.trials)",
      ])
    }
    add("equal sides, any false alarm", record.falseAlarms)
    add("the same, were any change an alarm", record.falseAlarmsAtZero)
    add("one cell \(Quantity.percent(record.injectedSlowdown)) slower, found", record.found)
    let smallest =
      record.smallestFound.map {
        "The smallest slowdown of one cell found with 95% power is \(Quantity.percent($0))."
      }
      ?? "Not even \(Quantity.percent(4 * record.threshold)) is found with 95% power: raise the budget."
    return """
      \(table.rendered())

      \(smallest)
      Threshold \(Quantity.percent(record.threshold)); \(record.cells.count) cells, \
      \(Quantity.number(record.comparisonS, digits: 3)) s and \(record.pairsPerCell) pairs a cell in \
      each comparison, drawn from \(record.poolPairsPerCell) pairs a cell in \
      \(Quantity.number(record.poolS, digits: 3)) s.
      A spin of \(Quantity.percent(record.injectedSlowdown)) measured as \
      \(Quantity.percent(record.measuredSlowdown)). One pair's log ratio spreads by \
      \(Quantity.percent(record.pairSpread)) (median cell); the most biased cell is \
      \(Quantity.percent(record.largestBias)) off. Pairs of the same processes resemble \
      each other: the variance of their sums is \(Quantity.number(record.designEffect, digits: 3)) times that \
      of independent ones, which verdicts allow for. \(OutputText.terminal(record.cpuInfo)).
      """
  }
}
