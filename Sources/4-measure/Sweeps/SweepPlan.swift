import Numerics
import Store

/// What a sweep, or one shard of it, measures, and in which order.
///
/// The order follows from the seed and the cells' contents alone, so that every shard, on whatever
/// machine, deals the same cards, and a resumed sweep goes on in the order it began.
public struct SweepPlan: Sendable {
  public struct Unit: Sendable {
    /// Its position among the plan's cells.
    public let cell: Int
    /// From 0.
    public let block: Int
  }

  /// The shard's cells.
  public let cells: [SweepCell]
  /// Every cell once in each block; each block in an order of its own.
  public let units: [Unit]

  public init(_ spec: SweepSpec, shard: Shard = .whole) {
    var deck = spec.cells.map { (key: $0.contentKey, cell: $0) }.sorted { $0.key < $1.key }
    var dealer = SeededGenerator(seed: spec.seed, stream: 0)
    deck.shuffle(using: &dealer)
    // Whole cells, so that all blocks of one come from one machine.
    let cells = deck.indices.filter { $0 % shard.count == shard.index - 1 }.map { deck[$0].cell }
    self.cells = cells
    units = (0..<spec.blocks).flatMap { block in
      var generator = SeededGenerator(seed: spec.seed, stream: block + 1)
      return cells.indices.shuffled(using: &generator).map { Unit(cell: $0, block: block) }
    }
  }

  /// What each of the cells' keys is the hash of, and the keys.
  func identities(on site: MeasuringSite) -> [(identity: String, key: String)] {
    cells.map { cell in
      let identity = cell.identity(on: site)
      return (identity, ContentHash.hex(identity))
    }
  }
}
