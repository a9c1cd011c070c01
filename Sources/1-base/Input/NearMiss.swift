/// What somebody who mistyped a word may have meant.
package enum NearMiss {
  /// The closest of `words`, where few enough letters differ to call it a slip.
  package static func of(_ word: String, in words: [String]) -> String? {
    let scored = words.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
    guard let best = scored.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(word.count, best.word.count) / 3 ? best.word : nil
  }

  /// Levenshtein's edit distance, of words that are cut to a sane length.
  package static func distance(_ first: String, _ second: String) -> Int {
    let a = Array(first.prefix(64))
    let b = Array(second.prefix(64))
    var previous = Array(0...b.count)
    for (i, letter) in a.enumerated() {
      var current = [i + 1]
      for (j, other) in b.enumerated() {
        current.append(
          min(previous[j + 1] + 1, current[j] + 1, previous[j] + (letter == other ? 0 : 1)))
      }
      previous = current
    }
    return previous[b.count]
  }
}
