import Foundation
import Input
import Numerics

/// Results over commits: one series for everything that was measured in the same way on the same
/// kind of machine, with the commits at which its level changed.
public struct History: Encodable, Sendable {
  public struct Options: Sendable {
    /// The chance of even one false change in all series together.
    public var level = 0.05
    /// Of the permutations.
    public var seed: UInt64 = 0
    /// Without it commits are ordered by when they were first measured.
    public var order: CommitOrder?

    public init() {}
  }

  /// Results of one commit.
  public struct Point: Encodable, Sendable, Equatable {
    public let commit: String
    /// When it was first measured.
    public let firstMeasuredAt: String
    public let results: Int
    /// Median over the results of their medians.
    public let medianTs: Double
  }

  public struct Change: Encodable, Sendable, Equatable {
    /// The first commit after it.
    public let commit: String
    /// Its position in the series.
    public let index: Int
    /// Medians over the commits between this change and its neighbours.
    public let before: Double
    public let after: Double
    public let pValue: Double

    /// Below 1 for a regression.
    public var ratio: Double { after / before }

    private enum CodingKeys: CodingKey { case commit, index, before, after, pValue, ratio }

    public func encode(to encoder: Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(commit, forKey: .commit)
      try container.encode(index, forKey: .index)
      try container.encode(before, forKey: .before)
      try container.encode(after, forKey: .after)
      try container.encode(pValue, forKey: .pValue)
      try container.encode(ratio, forKey: .ratio)
    }
  }

  public struct Series: Encodable, Sendable {
    /// What was measured, and where: the fields that all its records share.
    public let modelType: String
    public let test: String
    public let settings: [String: JSONValue]
    public var points: [Point]
    public var changes: [Change] = []
    /// Whether there are enough commits for a change to be significant.
    public var canDetect = false
    /// Whether the newest of all commits measured it: one that no longer runs is judged by its past.
    public var isOfNewestCommit = false

    /// Whether the last change took away more than a share `threshold`.
    public func endsInRegression(threshold: Double) -> Bool {
      changes.last.map { $0.ratio < 1 - threshold } ?? false
    }
  }

  public private(set) var series: [Series]
  public let level: Double
  /// What each series was tested at: the level over the number of series (Bonferroni).
  public let levelOfSeries: Double
  public let seed: UInt64
  /// `nil` where nothing was measured.
  public private(set) var newestCommit: String?
  /// Measured commits that the order lacks.
  public private(set) var commitsLeftOut: [String] = []

  /// - Parameter results: measured ones, oldest first.
  /// - Throws: `InputError` where a record is damaged, or the order does not fit the commits.
  public init(_ results: [StoredResult], _ options: Options = Options()) throws {
    var groups: [String: Group] = [:]
    for result in results where result.status == .measured {
      let fields = try result.fields()
      let key = SeriesKey(fields)
      try groups[key.text, default: Group(key)].add(fields, result.finishedAt)
    }
    let ordered = groups.values.sorted { $0.key.text < $1.key.text }
    var first: [String: String] = [:]
    for (commit, group) in ordered.flatMap(\.medians) {
      first[commit] = min(first[commit] ?? group.first, group.first)
    }
    let positions = try options.order?.positions(
      ofCommits: first.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key))
    commitsLeftOut =
      positions.map { known in first.keys.filter { known[$0] == nil }.sorted() } ?? []
    series = ordered.map { $0.series(positions) }.filter { !$0.points.isEmpty }
    newestCommit =
      if let positions {
        positions.max { $0.value < $1.value }?.key
      } else {
        first.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
      }
    level = options.level
    seed = options.seed
    levelOfSeries = options.level / Double(max(1, series.count))
    for index in series.indices {
      series[index].isOfNewestCommit = series[index].points.last?.commit == newestCommit
      series[index].findChanges(level: levelOfSeries, seed: options.seed)
    }
  }
}

extension History.Series {
  fileprivate mutating func findChanges(level: Double, seed: UInt64) {
    let values = points.map(\.medianTs)
    canDetect = ChangePoints.canDetect(values.count, level: level)
    let found = ChangePoints.find(values, level: level, seed: seed)
    let ends = [0] + found.map(\.index) + [values.count]
    changes = found.enumerated().map { position, change in
      History.Change(
        commit: points[change.index].commit, index: change.index,
        before: Quantiles.median(Array(values[ends[position]..<change.index])),
        after: Quantiles.median(Array(values[change.index..<ends[position + 2]])),
        pValue: change.pValue)
    }
  }
}

/// The fields that must be equal for two results to be of one series.
private struct SeriesKey {
  /// What changes the time of a run, other than the build.
  static let names = [
    "architecture", "weights", "type_weights", "type_k", "type_v", "n_threads", "n_batch",
    "routing_exponent",
    "n_sequences",
    "n_prompt", "n_gen", "n_depth", "cpu_info",
  ]
  static let environmentNames = ["topology", "instruction_set"]

  let fields: [String: JSONValue]
  let text: String

  init(_ record: JSONObject) {
    var fields = record.fields.filter { Self.names.contains($0.key) }
    if case .object(let environment) = record["environment"] {
      for name in Self.environmentNames { fields[name] = environment[name] }
    }
    self.fields = fields
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    text = (try? encoder.encode(fields)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

private struct Group {
  let key: SeriesKey
  var name = ""
  var test = ""
  /// By commit.
  var medians: [String: (first: String, values: [Double])] = [:]

  init(_ key: SeriesKey) { self.key = key }

  mutating func add(_ record: JSONObject, _ finishedAt: String) throws {
    let place = "result of \(finishedAt)"
    let (median, commit, test) = try within(place) {
      let median = try record.required("median_ts", JSONObject.double, expected: "a rate")
      guard median > 0 else {
        throw InputError("median_ts", problem: "is \(median)", expected: "a rate greater than 0")
      }
      name = try record.required("model_type", JSONObject.string, expected: "a name")
      return (
        median, try record.required("build_commit", JSONObject.string, expected: "a commit"),
        try record.testName()
      )
    }
    self.test = test
    medians[commit, default: (finishedAt, [])].values.append(median)
  }

  /// - Parameter positions: of commits; those without one are left out.
  func series(_ positions: [String: Int]?) -> History.Series {
    let points = medians.map { commit, group in
      History.Point(
        commit: commit, firstMeasuredAt: group.first, results: group.values.count,
        medianTs: Quantiles.median(group.values))
    }
    var settings = key.fields
    settings["architecture"] = nil
    return History.Series(
      modelType: name, test: test, settings: settings,
      points: positions.map { positions in
        points.filter { positions[$0.commit] != nil }
          .sorted { positions[$0.commit]! < positions[$1.commit]! }
      } ?? points.sorted { ($0.firstMeasuredAt, $0.commit) < ($1.firstMeasuredAt, $1.commit) })
  }
}
