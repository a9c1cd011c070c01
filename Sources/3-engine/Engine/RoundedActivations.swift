import CKernels
import Formats
import Machine
import Weights

/// Rows of activations as weights are multiplied with them where that is not as f32: for block
/// formats as integers with a scale for each block, for bf16 as bf16.
struct RoundedActivations {
  private let memory: PageMemory

  var base: UnsafeMutableRawPointer { memory.base }

  private static let blockElements = 32
  /// Blocks from which quantising is shared among threads.
  private static let sharedBlocks = 128
  /// Rows so many bytes apart, or a multiple, would collide in the cache's sets.
  private static let collision = 2048

  /// Room for weights of any format; what one of them does not need is never touched.
  init(rows: Int, width: Int) throws {
    memory = try PageMemory(Self.bytes(rows: rows, width: width))
  }

  static func bytes(rows: Int, width: Int) -> Int {
    let blocks = (width + blockElements - 1) / blockElements
    return saturatingProduct(rows, blocks + 1, Int(DYNO_ACTIVATION_BLOCK))
  }

  /// Bytes from one row of so many columns to the next.
  static func stride(_ columns: Int, _ dtype: DType, _ kernels: KernelTable) -> Int {
    let bytes = kernels.functions.activation_bytes(dtype.kernelType, columns)
    return bytes % collision == 0 ? bytes + 64 : bytes
  }

  /// Quantises `m` rows for weights of `dtype`, on all threads.
  func fill(
    _ x: Activations, _ m: Int, _ columns: Int, _ dtype: DType, _ team: ThreadTeam,
    _ kernels: KernelTable
  ) {
    let blocks = (columns + Self.blockElements - 1) / Self.blockElements
    let stride = Self.stride(columns, dtype, kernels)
    @Sendable func fill(_ part: Range<Int>) {
      var mine = part
      while !mine.isEmpty {
        let (row, block) = mine.lowerBound.quotientAndRemainder(dividingBy: blocks)
        let count = min(mine.count, blocks - block)
        let first = block * Self.blockElements
        kernels.functions.quantize_activations(
          dtype.kernelType, x.row(row) + first,
          min(count * Self.blockElements, columns - first),
          base + row * stride + kernels.functions.activation_bytes(dtype.kernelType, first))
        mine = mine.lowerBound + count..<mine.upperBound
      }
    }
    // Some microseconds of work are done before other threads would have begun.
    guard m * blocks > Self.sharedBlocks else { return fill(0..<m * blocks) }
    team.run { rank in fill(team.slice(m * blocks, rank: rank)) }
  }
}
