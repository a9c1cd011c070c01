import Foundation
import Yams

/// A place in a YAML file, read with the type that is expected there. Errors name line and field.
package struct SpecNode {
  /// The field or list that it is the value of.
  package let name: String
  private let node: Node

  private init(_ name: String, _ node: Node) {
    self.name = name
    self.node = node
  }

  /// - Parameter kind: what the document should be, for errors: "a sweep's specification".
  /// - Returns: the root of the document.
  package init(parsing text: String, as kind: String) throws {
    do {
      guard let node = try compose(yaml: text) else {
        throw InputError(problem: "is empty", expected: kind)
      }
      self.init("", node)
    } catch let error as YamlError {
      throw Self.readable(error, kind)
    }
  }

  private static func readable(_ error: YamlError, _ kind: String) -> InputError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return InputError("line \(mark.line)", problem: "is not YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      return InputError(
        "line \(context.mark.line)",
        problem: "a key is there twice: \(duplicates.joined(separator: ", "))", expected: "once")
    default:
      return InputError(problem: "is not YAML", expected: kind)
    }
  }

  package func error(_ problem: String, expected: String? = nil) -> InputError {
    var error = InputError(problem: problem, expected: expected)
    if let mark = node.mark { error.location.append("line \(mark.line)") }
    if !name.isEmpty { error.location.append(name) }
    return error
  }

  package var isMapping: Bool { node.mapping != nil }

  /// The fields of a mapping; one that is not in `known` is refused.
  package func fields(_ known: [String]) throws -> [String: SpecNode] {
    guard let mapping = node.mapping else {
      throw error("is \(kind)", expected: "fields: " + known.joined(separator: ", "))
    }
    var fields: [String: SpecNode] = [:]
    for (key, value) in mapping {
      let keyNode = SpecNode("", key)
      guard let word = key.scalar?.string, known.contains(word) else {
        let word = key.scalar?.string ?? "a list or mapping"
        let meant = NearMiss.of(word, in: known).map { "\($0)?" }
        throw keyNode.error(
          "unknown key \"\(word.prefix(60))\"",
          expected: meant ?? "one of " + known.joined(separator: ", "))
      }
      fields[word] = SpecNode(word, value)
    }
    return fields
  }

  /// The elements of a list; a single value is a list of one.
  package func list() throws -> [SpecNode] {
    switch node {
    case .sequence(let sequence): return sequence.map { SpecNode(name, $0) }
    case .scalar, .mapping: return [self]
    case .alias: throw error("is an alias without an anchor")
    }
  }

  package func text() throws -> String {
    guard let scalar = node.scalar, !scalar.string.isEmpty else {
      throw error("is \(kind)", expected: "a word")
    }
    return scalar.string
  }

  package func count(_ range: ClosedRange<Int>) throws -> Int {
    guard let text = node.scalar?.string, let value = Int(text), range.contains(value) else {
      throw error("is \(kind)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// Prompt and generated tokens: `4096x1024`.
  package func workload() throws -> WorkloadShape {
    try value(WorkloadShape.expected) { WorkloadShape($0) }
  }

  /// A finite number above 0.
  package func positiveNumber() throws -> Double {
    guard let text = node.scalar?.string, let value = Double(text), value > 0, value.isFinite else {
      throw error("is \(kind)", expected: "a number above 0")
    }
    return value
  }

  package func flag() throws -> Bool {
    guard let text = node.scalar?.string, let value = Bool(text) else {
      throw error("is \(kind)", expected: "true or false")
    }
    return value
  }

  package func seed() throws -> UInt64 {
    guard let text = node.scalar?.string, let value = UInt64(text) else {
      throw error("is \(kind)", expected: "0 to \(UInt64.max)")
    }
    return value
  }

  /// One of the words that an enumeration spells.
  package func word<Choice: RawRepresentable & CaseIterable>(
    _ choices: [Choice]
  ) throws -> Choice where Choice.RawValue == String {
    let words = choices.map(\.rawValue)
    guard let text = node.scalar?.string, let choice = choices.first(where: { $0.rawValue == text })
    else { throw error("is \(kind)", expected: "one of " + words.joined(separator: ", ")) }
    return choice
  }

  /// A share such as `1%` or `0.01`, from 0 to under 1.
  package func share() throws -> Double {
    let share = try value(Percentage.expected) { Percentage($0, bareShare: true) }.share
    guard share < 1 else { throw error("is \(kind)", expected: "a share from 0% to under 100%") }
    return share
  }

  /// A number of at least 1 such as `1B`, `80M` or `1.5e9`.
  package func quantity() throws -> Double {
    try value(ScaledCount.expected) { ScaledCount($0) }.value
  }

  /// Seconds, from a duration such as `90`, `90s`, `10m` or `2h`.
  package func seconds() throws -> Double {
    try value(TimeSpan.expected) { TimeSpan($0, bareSeconds: true) }.seconds
  }

  /// What `read` makes of a word; `nil` is refused.
  package func value<Value>(_ expected: String, _ read: (String) -> Value?) throws -> Value {
    guard let value = node.scalar.flatMap({ read($0.string) }) else {
      throw error("is \(kind)", expected: expected)
    }
    return value
  }

  /// What stands here, for error messages.
  private var kind: String {
    switch node {
    case .scalar(let scalar):
      scalar.string.isEmpty ? "empty" : "\"\(scalar.string.prefix(60))\""
    case .sequence(let sequence): sequence.isEmpty ? "an empty list" : "a list"
    case .mapping: "a mapping"
    case .alias: "an alias"
    }
  }
}
