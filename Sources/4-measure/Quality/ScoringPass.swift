import Engine
import Formats
import Input
import Machine
import Model
import Weights

/// Reads a text with a model in several storages at once, the reference first, and scores every
/// prediction. Logits are kept of one step only, whatever the text's length.
struct ScoringPass {
  /// Most tokens of one step.
  static let chunk = 128

  private let model: String
  private let names: [String]
  private let engines: [Engine]
  private let team: ThreadTeam

  /// - Parameters:
  ///   - storages: the reference first.
  ///   - isPacked: whether weights are laid out to be multiplied fast, those in blocks in integers.
  init(
    _ weights: ModelWeights, _ model: String, _ storages: [StorageChoice], context: Int,
    cache: DType, isPacked: Bool, team: ThreadTeam, kernels: KernelTable,
    report: (String) -> Void
  ) throws {
    self.model = model
    self.team = team
    names = storages.map(\.name)
    engines = try storages.map { storage in
      report("\(model): \(storage.name) weights")
      let step = min(context, Self.chunk)
      return try Engine(
        weights.converted(to: storage.format, packed: isPacked, team: team, kernels: kernels),
        cache: cache, sequences: 1, capacity: context, maxTokens: step, maxLogits: step,
        team: team, kernels: kernels)
    }
  }

  /// The weights of each storage, as they were run.
  var weights: [ModelWeights] { engines.map(\.weights) }

  /// For each storage, the score of each predicted token.
  ///
  /// - Parameter report: told how many tokens have been read.
  func scores(
    _ text: TokenSequences, _ windows: TextWindows, report: (Int) -> Void
  ) throws -> [[TokenScore]] {
    var scores = engines.map { _ in [TokenScore]() }
    for index in scores.indices { scores[index].reserveCapacity(windows.predicted) }
    for window in windows.windows {
      for engine in engines { engine.cache.setLength(0, ofSequence: 0) }
      // The last token is read by nobody: nothing follows it.
      let read = window.dropLast()
      for start in stride(from: read.lowerBound, to: read.upperBound, by: Self.chunk) {
        report(scores[0].count)
        let end = min(start + Self.chunk, read.upperBound)
        let input = Engine.Input(
          sequence: 0, tokens: text.ids[start..<end].map(Int.init), promptLength: window.count)
        let logits = try engines.map { try $0.forward([input], logits: .all) }
        let found = self.scores(logits, following: text.ids[start + 1...end])
        for (place, row) in found.enumerated() {
          for (index, score) in row.enumerated() {
            guard score.isFinite else {
              throw InputError(
                model,
                problem: "gives logits that are not finite in \(names[index]), token "
                  + "\(start + place)", expected: "sound weights")
            }
            scores[index].append(score)
          }
        }
      }
    }
    return scores
  }

  /// Scores of each row of a step, of each storage.
  private func scores(
    _ logits: [Engine.Logits], following tokens: ArraySlice<Int32>
  ) -> [[TokenScore]] {
    let count = logits[0].count
    nonisolated(unsafe) let rows = (0..<count).map { row in logits.map { $0[row] } }
    let targets = tokens.map(Int.init)
    var scores = [[TokenScore]](repeating: [], count: count)
    scores.withUnsafeMutableBufferPointer { buffer in
      // Each thread writes to its own rows.
      nonisolated(unsafe) let results = buffer
      team.run { [team] rank in
        for row in team.slice(count, rank: rank) {
          results[row] = TokenScore.ofRows(rows[row], following: targets[row])
        }
      }
    }
    return scores
  }
}
