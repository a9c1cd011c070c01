import Input
import Reports
import Store
import Testing

@Suite struct HistoryTests {
  private func results(_ rates: [Double], name: String = "tiny") -> [StoredResult] {
    rates.enumerated().map { index, rate in
      sampleResult(cell: nil, at: index, rate: rate, name: name, commit: commit(index))
    }
  }

  private func commit(_ index: Int) -> String {
    let digits = "\(index)"
    return "c0de" + String(repeating: "0", count: 36 - digits.count) + digits
  }

  private let drop = [100.0, 101, 99, 100.5, 99.5, 100, 101, 90, 91, 89, 90.5, 89.5, 90, 91]

  @Test func findsTheCommit() throws {
    let history = try History(results(drop))
    let series = try #require(history.series.first)
    #expect(series.points.count == 14 && series.canDetect)
    #expect(series.changes.map(\.commit) == [commit(7)])
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

  /// A test that no longer runs is not one that is still fast.
  @Test func testsThatAreLostAreTold() throws {
    let lost = drop.indices.prefix(13).map {
      sampleResult(cell: nil, at: $0, batch: 4, commit: commit($0))
    }
    let history = try History(results(drop) + lost)
    #expect(history.newestCommit == commit(13))
    #expect(history.series.map(\.isOfNewestCommit).sorted { $0 && !$1 } == [true, false])
    #expect(history.table().contains("not measured at the newest commit"))
    #expect(history.junit(threshold: 0).contains("not measured at the newest commit"))
    #expect(try !History(results(drop)).table().contains("not measured"))
    var options = History.Options()
    options.order = try CommitOrder(
      drop.indices.map(commit).joined(separator: "\n"), name: "order")
    #expect(try History(results(drop) + lost, options).newestCommit == commit(13))
  }

  private func history(
    _ lines: [String], direction: CommitOrder.Direction? = nil, leavesOutOthers: Bool = false
  ) throws -> History {
    var options = History.Options()
    options.order = try CommitOrder(
      lines.joined(separator: "\n"), name: "order", direction: direction,
      leavesOutOthers: leavesOutOthers)
    return try History(results(drop), options)
  }

  @Test func ordersByCommitsWhereAsked() throws {
    let commits = drop.indices.map(commit)
    let forwards = try history(commits)
    #expect(forwards.series[0].points.map(\.commit) == commits)
    #expect(forwards.series[0].changes.map(\.commit) == [commit(7)])
    // As `git log --reverse --oneline` prints them.
    let oneLine = try history(commits.map { "\($0.prefix(4))\($0.dropFirst(4)) A subject" })
    #expect(oneLine.series[0].changes.map(\.commit) == [commit(7)])
    let swapped = try history([commit(1), commit(0)] + commits.dropFirst(2))
    #expect(swapped.series[0].points.map(\.commit).prefix(2) == [commit(1), commit(0)])
  }

  @Test func abbreviatedCommits() throws {
    func digits(_ index: Int, pairs: Int) -> String {
      String(repeating: "\(index % 10)\(index / 10)", count: pairs)
    }
    var options = History.Options()
    options.order = try CommitOrder(
      drop.indices.map { "\(digits($0, pairs: 4)) A subject" }.joined(separator: "\n"),
      name: "order")
    let history = try History(
      drop.enumerated().map { index, rate in
        sampleResult(cell: nil, at: index, rate: rate, commit: digits(index, pairs: 20))
      }, options)
    #expect(history.series[0].changes.map(\.commit) == [digits(7, pairs: 20)])
    #expect(history.series[0].points.count == drop.count && history.commitsLeftOut.isEmpty)
    // A beginning that two commits share says nothing.
    let error = #expect(throws: InputError.self) { try self.history(["c0de"]) }
    #expect("\(error!)".contains("may be c0de"))
  }

  /// `git log` prints the newest first: read the wrong way round, a loss would be a gain.
  @Test func reversedOrders() throws {
    let newestFirst = drop.indices.reversed().map(commit)
    let error = #expect(throws: InputError.self) { try history(newestFirst) }
    #expect("\(error!)".contains("against the order in which they were measured"))
    // Two that were measured late, as by a bisection, change nothing.
    var mixed = newestFirst
    mixed.swapAt(3, 4)
    mixed.append(mixed.removeFirst())
    #expect(throws: InputError.self) { try history(mixed) }
    #expect(throws: Never.self) { try history(mixed.reversed()) }
    let turned = try history(newestFirst, direction: .newestFirst)
    #expect(turned.series[0].endsInRegression(threshold: 0.09))
    let asSaid = try history(newestFirst, direction: .oldestFirst)
    #expect(asSaid.series[0].changes.allSatisfy { $0.ratio > 1 })
  }

  /// A shallow clone knows only the last commits: a history without the others hides changes.
  @Test func ordersThatLackCommits() throws {
    let last = drop.indices.dropFirst(5).map(commit)
    let error = #expect(throws: InputError.self) { try history(last) }
    #expect("\(error!)".contains("lacks 5 of 14 measured commits"))
    let rest = try history(last, leavesOutOthers: true)
    #expect(rest.series[0].points.count == 9 && rest.commitsLeftOut.count == 5)
    for lines in [["abcdef"], ["subject first"], [""]] {
      #expect(throws: InputError.self) { try history(lines, leavesOutOthers: true) }
    }
  }

  @Test func damagedRowsAreRefused() throws {
    for (field, value) in [
      ("median_ts", "\"fast\""), ("median_ts", "-1"), ("median_ts", "null"), ("build_commit", "7"),
      ("model_type", "null"), ("n_prompt", "\"x\""), ("n_gen", "-1"),
    ] {
      var result = sampleResult(cell: nil)
      result.record = result.record.replacing(
        "\"\(field)\":", with: "\"\(field)\": \(value), \"x\":")
      let error = #expect(throws: InputError.self) { try History([result]) }
      #expect("\(error!)".contains(field) && "\(error!)".contains(result.finishedAt), "\(error!)")
    }
  }

  @Test func noResults() throws { #expect(try History([]).series.isEmpty) }
}
