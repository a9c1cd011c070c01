import Architectures
import CKernels
import Host
import Numerics
import Weights

/// Keys and values of every layer, sequence and KV head.
///
/// Of one head, positions are contiguous (`position`, `headDimension`): attention streams them once
/// for the head's whole query group. Pages exist only once written.
public final class KVCache {
  public let dtype: DType
  public let sequences: Int
  /// Positions each sequence can hold.
  public let capacity: Int
  /// Positions each sequence holds.
  public private(set) var lengths: [Int]
  /// Positions each sequence has contents for: what was forgotten can be taken up again.
  private var written: [Int]
  private let layers: Int
  private let keyValueHeads: Int
  private let headDimension: Int
  private let headBytes: Int
  private let memory: PageMemory

  /// - Throws: `InputError` for a dtype other than f32, f16 or bf16.
  public init(_ architecture: Architecture, dtype: DType, sequences: Int, capacity: Int) throws {
    guard dtype.blockElements == 1 else {
      throw InputError(
        "cache dtype", problem: "\(dtype) is not supported", expected: "f32, f16 or bf16")
    }
    self.dtype = dtype
    self.sequences = sequences
    self.capacity = capacity
    layers = architecture.layers
    keyValueHeads = architecture.keyValueHeads
    headDimension = architecture.headDimension
    headBytes = dtype.bytes(capacity * architecture.headDimension)
    lengths = Array(repeating: 0, count: sequences)
    written = lengths
    memory = try PageMemory(
      KVCache.bytes(architecture, dtype: dtype, sequences: sequences, capacity: capacity))
  }

  /// `Int.max` where it is more than that: refused rather than trapped.
  ///
  /// - Precondition: `dtype` is no block format.
  public static func bytes(
    _ architecture: Architecture, dtype: DType, sequences: Int, capacity: Int
  ) -> Int {
    saturatingProduct(
      2, architecture.layers, sequences, capacity, architecture.keyValueWidth, dtype.blockBytes)
  }

  func keys(layer: Int, sequence: Int, head: Int) -> UnsafeMutableRawPointer {
    let block = ((layer * sequences + sequence) * 2) * keyValueHeads + head
    return memory.base + block * headBytes
  }

  func values(layer: Int, sequence: Int, head: Int) -> UnsafeMutableRawPointer {
    let block = ((layer * sequences + sequence) * 2 + 1) * keyValueHeads + head
    return memory.base + block * headBytes
  }

  /// Bytes of one position of one head.
  var positionBytes: Int { dtype.bytes(headDimension) }

  /// Appends `count` positions whose contents the engine has just stored.
  func advance(sequence: Int, by count: Int) {
    lengths[sequence] += count
    written[sequence] = max(written[sequence], lengths[sequence])
  }

  /// Rewinds a sequence, or takes up again positions that it once held.
  public func setLength(_ length: Int, ofSequence sequence: Int) {
    precondition(length <= written[sequence], "no contents at position \(length - 1)")
    lengths[sequence] = length
  }

  /// Fills all sequences to `depth` positions with random contents of unit variance, so that
  /// decoding at a depth can be timed without the prefill that would lead there.
  public func fillSynthetically(
    toDepth depth: Int, seed: UInt64, team: ThreadTeam, kernels: KernelTable
  ) {
    precondition(depth <= capacity)
    let heads = layers * sequences * 2 * keyValueHeads
    team.run { rank in
      for head in team.slice(heads, rank: rank) {
        var keys = SeededGenerator(seed: seed &+ UInt64(head))
        kernels.functions.fill_uniform(
          dtype.kernelType, UInt32(truncatingIfNeeded: keys.next()), depth * headDimension,
          Float(3).squareRoot(), memory.base + head * headBytes)
      }
    }
    for sequence in 0..<sequences {
      lengths[sequence] = depth
      written[sequence] = max(written[sequence], depth)
    }
  }
}
