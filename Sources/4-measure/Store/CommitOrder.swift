import Input

/// The order of commits, from a list that git printed: a commit or its beginning in each line, and
/// whatever text behind it (`git rev-list --reverse`, `git log --oneline`).
public struct CommitOrder: Sendable {
  public enum Direction: String, Sendable, CaseIterable {
    case oldestFirst = "oldest-first"
    case newestFirst = "newest-first"
  }

  private let commits: [String]
  /// `nil` where nobody said so.
  private let direction: Direction?
  private let leavesOutOthers: Bool
  /// Of the list, for messages.
  private let name: String

  /// - Parameters:
  ///   - name: of the list, for messages.
  ///   - direction: `nil` for the oldest first, unless that is against all appearances.
  ///   - leavesOutOthers: whether measured commits may be missing from the list.
  public init(
    _ text: String, name: String, direction: Direction? = nil, leavesOutOthers: Bool = false
  ) throws {
    self.name = name
    self.direction = direction
    self.leavesOutOthers = leavesOutOthers
    commits = try within(name) {
      try text.split(whereSeparator: \.isNewline).enumerated().compactMap { number, line in
        guard let word = line.split(whereSeparator: \.isWhitespace).first else { return nil }
        // Marks that git log puts before boundary and merge commits.
        let commit = word.drop { "<>-*|".contains($0) }.lowercased()
        guard commit.count >= Self.fewestDigits, commit.count <= 64,
          commit.allSatisfy(\.isHexDigit)
        else {
          throw InputError(
            "line \(number + 1)", problem: "begins with \"\(word.prefix(60))\"",
            expected: "a commit, or at least \(Self.fewestDigits) digits of one")
        }
        return commit
      }
    }
    guard !commits.isEmpty else {
      throw InputError(name, problem: "is empty", expected: "commits, one a line")
    }
  }

  /// git's own shortest abbreviation.
  private static let fewestDigits = 4

  /// Where in time each of these commits stands.
  ///
  /// - Parameter measured: commits in the order in which they were first measured.
  /// - Throws: `InputError` where the list does not say, as that would hide changes.
  func positions(ofCommits measured: [String]) throws -> [String: Int] {
    var positions: [String: Int] = [:]
    for commit in measured {
      positions[commit] = commits.firstIndex { Self.means($0, commit) }
    }
    for (line, commit) in commits.enumerated() {
      let meant = measured.filter { Self.means(commit, $0) }
      guard meant.count <= 1 else {
        throw InputError(
          name, "\(commit)", problem: "may be \(meant[0].prefix(12)) or \(meant[1].prefix(12))",
          expected: "more digits (line \(line + 1) of its commits)")
      }
    }
    let missing = measured.filter { positions[$0] == nil }
    if let first = missing.first, !leavesOutOthers || positions.isEmpty {
      throw InputError(
        name,
        problem: "lacks \(missing.count) of \(measured.count) measured commits "
          + "(\(first.prefix(12)), …): a shallow clone, other branches or modified builds?",
        expected: positions.isEmpty
          ? "commits that were measured"
          : "all of them, or to leave out others")
    }
    if direction == .newestFirst { return positions.mapValues { commits.count - $0 } }
    if direction == nil { try requireForwards(measured.compactMap { positions[$0] }) }
    return positions
  }

  /// Builds that differ from their commit are none of its history.
  private static func means(_ beginning: String, _ commit: String) -> Bool {
    commit.hasPrefix(beginning) && commit.allSatisfy(\.isHexDigit)
  }

  /// git log prints the newest commit first, and read the wrong way round a loss is a gain. Some commits
  /// may have been measured late: what counts is how most pairs stand (Kendall's τ).
  private func requireForwards(_ positions: [Int]) throws {
    guard positions.count > 2 else { return }
    var balance = 0
    for (index, later) in positions.enumerated() {
      for earlier in positions[..<index] { balance += (later - earlier).signum() }
    }
    guard balance < 0 else { return }
    throw InputError(
      name, problem: "has most commits against the order in which they were measured",
      expected: "the oldest first (git log --reverse), or a direction that says which way it runs")
  }
}
