import Architectures
import CKernels
import Host
import Weights

/// Rows of activations as integers with a scale for each block, as weights of block formats are
/// multiplied with them.
struct QuantizedActivations {
  private let memory: PageMemory
  var base: UnsafeMutablePointer<dyno_activation_block> {
    memory.base.assumingMemoryBound(to: dyno_activation_block.self)
  }

  private static let blockElements = 32
  /// Blocks from which quantising is shared among threads.
  private static let sharedBlocks = 128

  init(rows: Int, width: Int) throws {
    memory = try PageMemory(Self.bytes(rows: rows, width: width))
  }

  static func bytes(rows: Int, width: Int) -> Int {
    saturatingProduct(
      rows, (width + blockElements - 1) / blockElements, MemoryLayout<dyno_activation_block>.stride)
  }

  /// Blocks of a row.
  func stride(_ columns: Int) -> Int { columns / Self.blockElements }

  /// Quantises `m` rows for weights of `dtype`, on all threads.
  func fill(
    _ x: Activations, _ m: Int, _ columns: Int, _ dtype: DType, _ team: ThreadTeam,
    _ kernels: KernelTable
  ) {
    let blocks = stride(columns)
    func fill(_ part: Range<Int>) {
      var mine = part
      while !mine.isEmpty {
        let (row, block) = mine.lowerBound.quotientAndRemainder(dividingBy: blocks)
        let count = min(mine.count, blocks - block)
        kernels.functions.quantize_activations(
          dtype.kernelType, x.row(row) + block * Self.blockElements, count * Self.blockElements,
          base + mine.lowerBound)
        mine = mine.lowerBound + count..<mine.upperBound
      }
    }
    // Some microseconds of work are done before other threads would have begun.
    guard m * blocks > Self.sharedBlocks else { return fill(0..<m * blocks) }
    team.run { rank in fill(team.slice(m * blocks, rank: rank)) }
  }
}
