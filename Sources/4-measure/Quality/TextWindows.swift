import Input

/// A text cut into windows that a model reads one after another, each without a past, and into blocks
/// of predicted tokens that intervals are drawn from.
package struct TextWindows: Sendable {
  /// Places of each window's tokens; at least two, as nothing is predicted of the first.
  package let windows: [Range<Int>]
  /// Places among the predicted tokens, in order, of each block.
  package let blocks: [Range<Int>]
  package let predicted: Int

  /// As many blocks show how different passages are; parts of a window are made no shorter than so
  /// many tokens for it, as neighbours resemble each other.
  static let blocksWanted = 30
  static let shortestPart = 16

  /// - Parameter context: most tokens of a window, at least 2.
  /// - Throws: `InputError` where no document has two tokens.
  package init(_ text: TokenSequences, context: Int) throws {
    precondition(context > 1)
    var windows: [Range<Int>] = []
    var documents: [Range<Int>] = []
    var predicted = 0
    for document in text.documents {
      let first = predicted
      for start in stride(from: document.lowerBound, to: document.upperBound, by: context) {
        let window = start..<min(start + context, document.upperBound)
        guard window.count > 1 else { continue }
        windows.append(window)
        predicted += window.count - 1
      }
      if predicted > first { documents.append(first..<predicted) }
    }
    guard predicted > 0 else {
      throw InputError(
        "tokens", problem: "no document has two tokens", expected: "text to predict tokens of")
    }
    self.windows = windows
    self.predicted = predicted
    blocks = Self.blocks(documents, windows)
  }

  /// The largest of documents, windows and parts of windows that there are enough of: the further
  /// apart two tokens are, the less they have in common.
  private static func blocks(
    _ documents: [Range<Int>], _ windows: [Range<Int>]
  ) -> [Range<Int>] {
    if documents.count >= blocksWanted { return documents }
    let parts = (blocksWanted + windows.count - 1) / windows.count
    var blocks: [Range<Int>] = []
    var start = 0
    for window in windows {
      let count = window.count - 1
      let cuts = max(1, min(parts, count / shortestPart))
      for cut in 0..<cuts {
        blocks.append(start + count * cut / cuts..<start + count * (cut + 1) / cuts)
      }
      start += count
    }
    return blocks
  }
}
