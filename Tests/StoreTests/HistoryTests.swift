import Store
import Testing

@Suite struct HistoryTests {
  private func results(_ rates: [Double], name: String = "tiny") -> [StoredResult] {
    rates.enumerated().map { index, rate in
      sampleResult(cell: nil, at: index, rate: rate, name: name, commit: "c\(index)")
    }
  }

  private let drop = [100.0, 101, 99, 100.5, 99.5, 100, 101, 90, 91, 89, 90.5, 89.5, 90, 91]

  @Test func findsTheCommit() throws {
    let history = try History(results(drop))
    let series = try #require(history.series.first)
    #expect(series.points.count == 14 && series.canDetect)
    #expect(series.changes.map(\.commit) == ["c7"])
    #expect(series.changes[0].before == 100 && series.changes[0].after == 90)
    #expect(series.endsInRegression(threshold: 0))
    #expect(series.endsInRegression(threshold: 0.09))
    #expect(!series.endsInRegression(threshold: 0.11))
    #expect(try !History(results(drop.reversed())).series[0].endsInRegression(threshold: 0))
  }

  @Test func groupsBySettingsAndCommit() throws {
    let many = results(drop) + results(drop) + results(drop, name: "other")
    let history = try History(many)
    // The name is not what was measured, but the sample's records have no architecture.
    #expect(history.series.count == 1)
    #expect(history.series[0].points.allSatisfy { $0.results == 3 })
    let batches = [1, 2].flatMap { batch in
      (0..<9).map { sampleResult(cell: nil, at: $0, batch: batch, commit: "c\($0)") }
    }
    let split = try History(batches)
    #expect(split.series.map(\.points.count) == [9, 9])
    #expect(split.levelOfSeries == 0.025)
  }

  @Test func ordersByCommitsWhereAsked() throws {
    var options = History.Options()
    options.order = (0..<10).reversed().map { "c\($0)" }
    let history = try History(results(drop), options)
    #expect(history.series[0].points.map(\.commit) == options.order)
    #expect(history.series[0].changes.allSatisfy { $0.ratio > 1 })
  }

  @Test func noResults() throws { #expect(try History([]).series.isEmpty) }
}
