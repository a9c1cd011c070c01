import CostModel
import Model

/// Step times of the cost model, remembered: runs ask for few sizes, often.
///
/// Work by rows is priced exactly, once a size. Attention of decoding sequences is priced for each
/// number of them at contexts `128·i + 64`, where the last tile of positions is half full as it is on
/// average, and linear between. A chunk of a prompt is priced as one of as many of its like as the
/// step has chunks, and counts as one of these.
public final class ModelStepTimes: StepTimes {
  private let parts: StepParts
  private var rows: [Int: Double] = [:]
  private var logits: [Int: Double] = [:]
  private var collectives: [Rows: Double] = [:]
  private var prompts: [Chunks: Double] = [:]
  /// By sequences, then by the contexts' index; NaN where it was not asked for.
  private var decodes: [[Double]] = []

  /// Of the last step without prompts.
  private var plain: Beside?

  private struct Beside {
    var tokens: Int
    var compute: Double
    var collectives: Double
  }

  private struct Rows: Hashable {
    var tokens: Int
    var results: Int
  }

  private struct Chunks: Hashable {
    var count: Int
    var chunk: PromptChunk
  }

  private static let spacing = 128
  /// Distinct values that are kept: a bound on memory, never reached by sane runs.
  private static let mostKept = 1 << 20

  public init(_ parts: StepParts) { self.parts = parts }

  public func seconds(_ step: StepContents) -> StepSeconds {
    var tokens = step.decodes
    for chunk in step.chunks { tokens += chunk.new }
    guard tokens > 0 else { return StepSeconds(compute: 0) }
    let results = step.finishedPrompts + step.decodes
    let rest =
      step.chunks.isEmpty ? besideDecodes(tokens) : beside(tokens: tokens, results: results)
    var compute = rest.compute
    let count = step.chunks.count
    for chunk in step.chunks {
      let key = Chunks(count: count, chunk: chunk)
      compute +=
        Self.kept(&prompts, key) {
          parts.prompts($0.count, cached: $0.chunk.cached, new: $0.chunk.new)
        } / Double(count)
    }
    if step.decodes > 0 {
      compute += attention(step.decodes, context: Double(step.context) / Double(step.decodes))
    }
    return StepSeconds(compute: compute, collectives: rest.collectives)
  }

  /// Steps without prompts most often follow one of as many sequences.
  private func besideDecodes(_ tokens: Int) -> Beside {
    if let plain, plain.tokens == tokens { return plain }
    let found = beside(tokens: tokens, results: tokens)
    plain = found
    return found
  }

  /// Of all but attention.
  private func beside(tokens: Int, results: Int) -> Beside {
    Beside(
      tokens: tokens,
      compute: Self.kept(&rows, tokens) { parts.tokens($0) }
        + (results > 0 ? Self.kept(&logits, results) { parts.logits($0) } : 0),
      collectives: Self.kept(&collectives, Rows(tokens: tokens, results: results)) {
        parts.collectives(tokens: $0.tokens, logits: $0.results)
      })
  }

  private func attention(_ sequences: Int, context: Double) -> Double {
    let half = Double(Self.spacing) / 2
    let place = max(0, (context - half) / Double(Self.spacing))
    let index = Int(place)
    if sequences >= decodes.count {
      decodes += Array(repeating: [], count: sequences + 1 - decodes.count)
    }
    let missing = index + 2 - decodes[sequences].count
    if missing > 0 { decodes[sequences] += Array(repeating: .nan, count: missing) }
    for place in index...index + 1 where decodes[sequences][place].isNaN {
      decodes[sequences][place] = parts.decodes(
        sequences, context: place * Self.spacing + Self.spacing / 2)
    }
    let share = place - Double(index)
    return decodes[sequences][index] * (1 - share) + decodes[sequences][index + 1] * share
  }

  private static func kept<Key: Hashable>(
    _ values: inout [Key: Double], _ key: Key, _ compute: (Key) -> Double
  ) -> Double {
    if let known = values[key] { return known }
    let value = compute(key)
    if values.count >= mostKept { values.removeAll(keepingCapacity: true) }
    values[key] = value
    return value
  }
}
