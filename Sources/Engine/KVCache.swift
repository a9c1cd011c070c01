import Architectures
import CKernels
import Host
import Numerics
import Weights

/// Keys and values of every layer, sequence and KV head.
///
/// Of one head, positions are contiguous: attention streams them once for the head's whole query
/// group. Values lie in rows (`position`, `headDimension`), keys in panels of some positions, as the
/// kernels read them. Pages exist only once written.
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
  private let keyPanel: Int
  private let memory: PageMemory

  /// - Throws: `InputError` for a dtype other than f32, f16, bf16 or q8_0, and for heads that do not
  ///   fill its blocks.
  public init(
    _ architecture: Architecture, dtype: DType, sequences: Int, capacity: Int, kernels: KernelTable
  ) throws {
    try Self.check(architecture, dtype)
    self.dtype = dtype
    self.sequences = sequences
    self.capacity = capacity
    layers = architecture.layers
    keyValueHeads = architecture.keyValueHeads
    headDimension = architecture.headDimension
    headBytes = dtype.bytes(Self.panels(capacity) * architecture.headDimension)
    keyPanel = WeightLayout.packed(dtype, kernels).panelRows
    precondition(Self.panelPositions % keyPanel == 0)
    lengths = Array(repeating: 0, count: sequences)
    written = lengths
    memory = try PageMemory(
      KVCache.bytes(architecture, dtype: dtype, sequences: sequences, capacity: capacity))
  }

  /// Refuses what cannot be stored.
  static func check(_ architecture: Architecture, _ dtype: DType) throws {
    guard DType.ofCaches.contains(dtype) else {
      throw InputError(
        "cache dtype", problem: "\(dtype) is not supported",
        expected: DType.ofCaches.map(\.rawValue).joined(separator: ", "))
    }
    guard architecture.headDimension % dtype.blockElements == 0 else {
      throw InputError(
        architecture.name, "head_dim",
        problem: "\(architecture.headDimension) does not fill blocks of \(dtype)",
        expected: "a multiple of \(dtype.blockElements)")
    }
  }

  /// Positions are kept in whole panels of the widest vectors.
  private static let panelPositions = 32

  private static func panels(_ positions: Int) -> Int {
    saturatingSum(positions, panelPositions - 1) / panelPositions * panelPositions
  }

  /// `Int.max` where it is more than that: refused rather than trapped.
  public static func bytes(
    _ architecture: Architecture, dtype: DType, sequences: Int, capacity: Int
  ) -> Int {
    let blocks = (architecture.headDimension + dtype.blockElements - 1) / dtype.blockElements
    return saturatingProduct(
      2, architecture.layers, sequences, panels(capacity), architecture.keyValueHeads, blocks,
      dtype.blockBytes)
  }

  func keys(layer: Int, sequence: Int, head: Int) -> UnsafeMutableRawPointer {
    let block = ((layer * sequences + sequence) * 2) * keyValueHeads + head
    return memory.base + block * headBytes
  }

  func values(layer: Int, sequence: Int, head: Int) -> UnsafeMutableRawPointer {
    let block = ((layer * sequences + sequence) * 2 + 1) * keyValueHeads + head
    return memory.base + block * headBytes
  }

  /// Starts what `store` will wait for: each head's keys and values lie on pages of their own, whose
  /// translations, out of any cache in a long context, are then looked up side by side.
  func prefetchStore(layer: Int, sequence: Int, position: Int) {
    for head in 0..<keyValueHeads {
      let place = place(layer: layer, sequence: sequence, head: head, position: position)
      dyno_prefetch(place.panel)
      dyno_prefetch(place.value)
    }
  }

  /// Where a position's contents go: the panel that its key is scattered over, and its value.
  private func place(
    layer: Int, sequence: Int, head: Int, position: Int
  ) -> (panel: UnsafeMutableRawPointer, value: UnsafeMutableRawPointer) {
    let bytes = dtype.bytes(headDimension)
    return (
      keys(layer: layer, sequence: sequence, head: head) + position / keyPanel * keyPanel * bytes,
      values(layer: layer, sequence: sequence, head: head) + position * bytes
    )
  }

  /// Rounds a position's key and value to the cache's dtype.
  func store(
    key: UnsafePointer<Float>, value: UnsafePointer<Float>, layer: Int, sequence: Int, head: Int,
    position: Int, _ kernels: KernelTable
  ) {
    let place = place(layer: layer, sequence: sequence, head: head, position: position)
    kernels.functions.store_key(
      dtype.kernelType, key, headDimension, position % keyPanel, place.panel)
    if dtype.blockElements > 1 {
      dyno_quantize(dtype.kernelType, value, headDimension, place.value)
    } else {
      kernels.functions.round(dtype.kernelType, value, headDimension, place.value)
    }
  }

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

  /// Random contents of one head. Of f32, f16 and bf16, panels need not be told from rows.
  private func fillSynthetically(
    _ base: UnsafeMutableRawPointer, positions: Int, key: UInt32, inPanels: Bool,
    _ kernels: KernelTable
  ) {
    let type = dtype.kernelType
    let count = positions * headDimension
    guard dtype.blockElements > 1 else {
      kernels.functions.fill_uniform(type, key, count, Float(3).squareRoot(), base)
      return
    }
    // Quants are uniform over their range, whose deviation is 73.9.
    dyno_fill_blocks(type, key, count, 1 / 73.9, base)
    guard inPanels, keyPanel > 1 else { return }
    let panelBytes = keyPanel * dtype.bytes(headDimension)
    let rows = UnsafeMutableRawPointer.allocate(byteCount: panelBytes, alignment: 64)
    defer { rows.deallocate() }
    for panel in 0..<positions / keyPanel {
      rows.copyMemory(from: base + panel * panelBytes, byteCount: panelBytes)
      kernels.functions.pack_rows(type, rows, headDimension, base + panel * panelBytes)
    }
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
        let key = UInt32(truncatingIfNeeded: keys.next())
        let isOfKeys = head / keyValueHeads % 2 == 0
        fillSynthetically(
          memory.base + head * headBytes, positions: Self.panels(depth), key: key,
          inPanels: isOfKeys, kernels)
      }
    }
    for sequence in 0..<sequences {
      lengths[sequence] = depth
      written[sequence] = max(written[sequence], depth)
    }
  }
}
