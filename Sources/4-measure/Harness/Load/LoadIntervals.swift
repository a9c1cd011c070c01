import Numerics
import Requests

/// How well a run knows its clients' means.
///
/// Requests that are served at once share their steps, so that what disturbs one disturbs all: blocks
/// of them are drawn, never single ones (`BlockBootstrap`). A block is a round where there are rounds
/// enough, else as many requests, sent one after another, as there are clients. Neither knows of what
/// the machine does from one hour to the next.
package struct LoadIntervals {
  private let blocks: [[ServingOutcome.Served]]
  private let seed: UInt64

  package init(_ rounds: [ServingOutcome], clients: Int, seed: UInt64) {
    self.seed = seed
    guard rounds.count < BlockBootstrap.fewestBlocks else {
      blocks = rounds.map(\.requests)
      return
    }
    blocks = rounds.flatMap { round in
      stride(from: 0, to: round.requests.count, by: clients).map { first in
        Array(round.requests[first..<min(first + clients, round.requests.count)])
      }
    }
  }

  /// 95% interval of a mean over requests; `nil` of too few blocks.
  package func interval(_ value: (ServingOutcome.Served) -> Double?) -> [Double]? {
    let values = blocks.map { $0.compactMap(value) }.filter { !$0.isEmpty }
    guard !values.isEmpty else { return nil }
    let sums = values.map { $0.reduce(0, +) }
    let bootstrap = BlockBootstrap(blockSizes: values.map(\.count), seed: seed)
    return bootstrap.means([sums])[0].interval95.map { [$0.lowerBound, $0.upperBound] }
  }
}
