import Foundation
import Input
import Store

/// What a store holds of a plan, as counts: on a host that measures it, or on any other.
///
/// Results count for the machine and the build that measured them, so a host that looks at a cluster's
/// store finds nothing of its own. What others measured of the same configurations is told beside it.
public struct SweepStatus: Encodable, Sendable {
  /// Results of the plan's configurations by one machine and build that are not this one's.
  public struct Elsewhere: Encodable, Sendable, Equatable {
    public let processor: String
    public let commit: String
    /// What is not as it is here, in words.
    public let differsIn: [String]
    public var measured = 0
    public var failed = 0
  }

  /// Configurations times blocks.
  public let units: Int
  public private(set) var measured = 0
  /// Failed here, and not measured since.
  public private(set) var failed = 0
  public private(set) var pending = 0
  /// The most results first.
  public let elsewhere: [Elsewhere]
  /// Results of configurations that the plan does not have.
  public let others: Int

  /// - Parameters:
  ///   - states: of the store's units.
  ///   - identities: of the store's cells, by their keys.
  /// - Throws: `InputError` for an identity that is not one.
  public init(
    _ plan: SweepPlan, _ states: [SweepUnit: ResultStore.UnitState],
    _ identities: [String: String], on site: MeasuringSite
  ) throws {
    units = plan.units.count
    let here = Set(plan.identities(on: site).map(\.key))
    for row in SweepListing(plan, states, on: site).rows {
      switch row.state {
      case "measured": measured += 1
      case "failed": failed += 1
      default: pending += 1
      }
    }
    // With threads that are not given, whatever a host takes is the same configuration.
    let wanted = Set(
      plan.cells.map { Self.configuration($0.content, threads: $0.settings.threads) })
    var found: [String: Elsewhere] = [:]
    var others = 0
    let sites = try Dictionary(
      uniqueKeysWithValues: identities.filter { !here.contains($0.key) }.map {
        ($0.key, try Self.site(key: $0.key, $0.value))
      })
    for (unit, state) in states where !here.contains(unit.cell) {
      guard let theirs = sites[unit.cell], !wanted.isDisjoint(with: theirs.configurations) else {
        others += 1
        continue
      }
      let differences = theirs.differences(from: site)
      let name = [theirs.processor, theirs.commit, differences.joined(separator: ",")]
        .joined(separator: "\n")
      var entry =
        found[name]
        ?? Elsewhere(
          processor: theirs.processor, commit: theirs.commit, differsIn: differences)
      if state.measured { entry.measured += 1 } else { entry.failed += 1 }
      found[name] = entry
    }
    self.others = others
    elsewhere = found.sorted { ($1.value.measured, $0.key) < ($0.value.measured, $1.key) }
      .map(\.value)
  }

  /// A stored cell's: where it was measured, and what.
  private struct Site {
    let host: [String: JSONValue]
    let build: [String: JSONValue]
    /// With the threads that it had, and as one that does not say.
    let configurations: Set<String>

    var processor: String { text(host["processor"]) }
    var commit: String { text(build["commit"]) }

    private func text(_ value: JSONValue?) -> String {
      if case .string(let text)? = value { text } else { "unknown" }
    }

    func differences(from site: MeasuringSite) -> [String] {
      let names = [
        ("processor", "processor"), ("signature", "processor"), ("topology", "topology"),
        ("instruction_set", "instruction set"),
      ]
      var found = names.filter { host[$0.0] != site.host[$0.0] }.map(\.1)
      if build["commit"] != site.build["commit"] {
        found.append("commit")
      } else if build["executable"] != site.build["executable"] {
        found.append("executable of the same commit")
      }
      if build["openblas"] != site.build["openblas"] { found.append("OpenBLAS") }
      if found.isEmpty { found = ["threads by default"] }
      return found.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
  }

  private static func site(key: String, _ identity: String) throws -> Site {
    try within("cell \(key.prefix(12))") {
      var content = try JSONObject(parsing: Data(identity.utf8)).fields
      guard case .object(let host)? = content.removeValue(forKey: "host"),
        case .object(let build)? = content.removeValue(forKey: "build")
      else { throw InputError(problem: "names no host and build", expected: "a sweep's cell") }
      var threads: Int?
      if case .integer(let count)? = content["threads"] { threads = count }
      return Site(
        host: host, build: build,
        configurations: [
          configuration(content, threads: threads), configuration(content, threads: nil),
        ])
    }
  }

  private static func configuration(_ content: [String: JSONValue], threads: Int?) -> String {
    var content = content
    content["threads"] = threads.map(JSONValue.integer) ?? .null
    return CanonicalJSON.text(.object(content))
  }
}
