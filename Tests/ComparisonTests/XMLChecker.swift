import Foundation

/// Counts the elements of an XML text by a minimal reading: tags balance, entities are known.
final class XMLChecker {
  private(set) var counts: [String: Int] = [:]
  private(set) var names: [String] = []

  func parse(_ text: String) -> Bool {
    var open: [String] = []
    for piece in text.split(separator: "<").map(String.init) {
      guard let end = piece.firstIndex(of: ">") else { return false }
      let tag = String(piece[..<end])
      if tag.hasPrefix("?") { continue }
      if tag.hasPrefix("/") {
        guard open.popLast() == String(tag.dropFirst()) else { return false }
        continue
      }
      let name = String(tag.prefix { $0 != " " && $0 != "/" })
      counts[name, default: 0] += 1
      if let value = tag.components(separatedBy: " name=\"").dropFirst().first?
        .components(separatedBy: "\"").first
      {
        names.append(unescaped(value))
      }
      if !tag.hasSuffix("/") { open.append(name) }
    }
    return open.isEmpty
  }

  private func unescaped(_ text: String) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
      .reduce(text) { $0.replacing($1.0, with: $1.1) }
  }
}
