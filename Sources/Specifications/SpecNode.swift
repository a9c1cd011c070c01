import Architectures
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

  /// The root of the document in a file.
  package init(contentsOf path: String, as kind: String) throws {
    self = try SpecNode(parsing: Self.text(ofFile: path, as: kind), as: kind)
  }

  /// The text of a file, with a limit that no specification reaches.
  package static func text(ofFile path: String, as kind: String) throws -> String {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw InputError(problem: "cannot be opened", expected: kind)
    }
    defer { try? handle.close() }
    let limit = 1 << 20
    guard let data = try? handle.read(upToCount: limit + 1) ?? Data(), data.count <= limit,
      let text = String(data: data, encoding: .utf8)
    else { throw InputError(problem: "is no UTF-8 text under 1 MiB", expected: "YAML") }
    return text
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
  package func workload() throws -> (prompt: Int, generate: Int) {
    let counts = (node.scalar?.string ?? "").split(separator: "x", omittingEmptySubsequences: false)
      .map { Int($0) ?? 0 }
    guard counts.count == 2, counts.allSatisfy({ (1...10_000_000).contains($0) }) else {
      throw error("is \(kind)", expected: "prompt and generated tokens such as 4096x1024")
    }
    return (counts[0], counts[1])
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
    let text = node.scalar?.string ?? ""
    let percent = text.hasSuffix("%")
    guard let number = Double(percent ? String(text.dropLast()) : text) else {
      throw error("is \(kind)", expected: "a share such as 1%")
    }
    let share = percent ? number / 100 : number
    guard (0..<1).contains(share) else {
      throw error("is \(kind)", expected: "a share from 0% to under 100%")
    }
    return share
  }

  /// A positive number such as `1B`, `80M` or `1.5e9`.
  package func quantity() throws -> Double {
    try scaled(["K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12], expected: "a number such as 1B")
  }

  /// Seconds, from a duration such as `90`, `90s`, `10m` or `2h`.
  package func seconds() throws -> Double {
    try scaled(["s": 1, "m": 60, "h": 3600], expected: "a duration such as 90s, 10m or 2h")
  }

  private func scaled(_ units: [Character: Double], expected: String) throws -> Double {
    let text = node.scalar?.string ?? ""
    let unit = text.last.flatMap { units[$0] }
    guard let number = Double(unit == nil ? text : String(text.dropLast())),
      (1...1e15).contains(number * (unit ?? 1))
    else { throw error("is \(kind)", expected: expected) }
    return number * (unit ?? 1)
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
