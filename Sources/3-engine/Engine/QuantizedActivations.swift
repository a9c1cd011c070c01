import CKernels
import Formats
import Machine
import Weights

/// Rows of activations as integers with a scale for each block, as weights of block formats are
/// multiplied with them.
struct QuantizedActivations {
  private let memory: PageMemory

  var base: UnsafeMutableRawPointer { memory.base }

  private static let blockElements = 32
  /// Blocks from which quantising is shared among threads.
  private static let sharedBlocks = 128

  /// Room for weights of any block format; what one of them does not need is never touched.
  init(rows: Int, width: Int) throws {
    memory = try PageMemory(Self.bytes(rows: rows, width: width))
  }

  static func bytes(rows: Int, width: Int) -> Int {
    saturatingProduct(
      rows, (width + blockElements - 1) / blockElements, Int(DYNO_ACTIVATION_BLOCK))
  }

  /// Quantises `m` rows for weights of `dtype`, on all threads. Rows lie one after the other.
  func fill(
    _ x: Activations, _ m: Int, _ columns: Int, _ dtype: DType, _ team: ThreadTeam,
    _ kernels: KernelTable
  ) {
    let blocks = columns / Self.blockElements
    let blockBytes = kernels.functions.activation_bytes(dtype.kernelType, Self.blockElements)
    @Sendable func fill(_ part: Range<Int>) {
      var mine = part
      while !mine.isEmpty {
        let (row, block) = mine.lowerBound.quotientAndRemainder(dividingBy: blocks)
        let count = min(mine.count, blocks - block)
        kernels.functions.quantize_activations(
          dtype.kernelType, x.row(row) + block * Self.blockElements, count * Self.blockElements,
          base + mine.lowerBound * blockBytes)
        mine = mine.lowerBound + count..<mine.upperBound
      }
    }
    // Some microseconds of work are done before other threads would have begun.
    guard m * blocks > Self.sharedBlocks else { return fill(0..<m * blocks) }
    team.run { rank in fill(team.slice(m * blocks, rank: rank)) }
  }
}
