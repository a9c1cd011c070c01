import CKernels
import Formats
import Input
import Machine
import Model
import Numerics
import Synchronization
import Weights

/// Keys and values of every layer, sequence and KV head.
///
/// Of one head, positions are contiguous: attention streams them once for the head's whole query
/// group. Values lie in rows (`position`, `headDimension`), keys in panels of some positions, as the
/// kernels read them. Of latent attention there is one row a position, from which keys and values are
/// made. Pages exist only once written.
///
/// Threads share one: in a step, each stores positions of its own, and reads what no other writes.
public final class KVCache: Sendable {
  public let dtype: DType
  public let sequences: Int
  /// Positions each sequence can hold.
  public let capacity: Int
  private let positions: Mutex<Positions>
  /// Of each layer with attention, where its heads lie.
  private let layers: [Layer?]
  private let keyPanel: Int
  private let memory: PageMemory

  private struct Positions {
    /// That each sequence holds.
    var held: [Int]
    /// That each sequence has contents for: what was forgotten can be taken up again.
    var written: [Int]
  }

  /// Positions each sequence holds.
  public var lengths: [Int] { positions.withLock { $0.held } }

  /// One layer's part: sequences one after another, of each the keys of all heads, then the values.
  private struct Layer {
    let heads: Int
    let headDimension: Int
    let headBytes: Int
    /// Whether there are no keys beside the values: latent attention's rows serve as both.
    let isLatent: Bool
    /// Of the layer's first byte.
    let offset: Int

    /// Of a sequence.
    var blocks: Int { isLatent ? 1 : 2 * heads }
    func isOfKeys(_ block: Int) -> Bool { !isLatent && block % blocks < heads }
  }

  /// - Throws: `InputError` for a dtype other than f32, f16, bf16 or q8_0, and for heads that do not
  ///   fill its blocks.
  public init(
    _ architecture: Architecture, dtype: DType, sequences: Int, capacity: Int, kernels: KernelTable
  ) throws {
    try Self.check(architecture, dtype)
    self.dtype = dtype
    self.sequences = sequences
    self.capacity = capacity
    var offset = 0
    layers = architecture.layers.map { layer in
      let (heads, width): (Int, Int)
      switch layer.mixer {
      case nil: return nil
      case .attention(let attention):
        (heads, width) = (attention.keyValueHeads, attention.headDimension)
      case .latentAttention(let attention): (heads, width) = (1, attention.cacheWidth)
      }
      let part = Layer(
        heads: heads, headDimension: width, headBytes: dtype.bytes(Self.panels(capacity) * width),
        isLatent: layer.latentAttention != nil, offset: offset)
      offset += sequences * part.blocks * part.headBytes
      return part
    }
    keyPanel = WeightLayout.packed(dtype, kernels).panelRows
    precondition(Self.panelPositions % keyPanel == 0)
    let none = Array(repeating: 0, count: sequences)
    positions = Mutex(Positions(held: none, written: none))
    memory = try PageMemory(
      KVCache.bytes(architecture, dtype: dtype, sequences: sequences, capacity: capacity))
  }

  /// Refuses what cannot be stored.
  static func check(_ architecture: Architecture, _ dtype: DType) throws {
    guard DType.ofCaches.contains(dtype) else {
      throw InputError(
        "cache_dtype", problem: "\(dtype) is not supported",
        expected: DType.ofCaches.map(\.rawValue).joined(separator: ", "))
    }
    for layer in architecture.layers.kinds {
      let (field, size): (String, Int)
      switch layer.mixer {
      case nil: continue
      case .attention(let attention): (field, size) = ("head_dim", attention.headDimension)
      case .latentAttention(let attention):
        (field, size) = ("kv_lora_rank + qk_rope_head_dim", attention.cacheWidth)
      }
      guard size % dtype.blockElements != 0 else { continue }
      throw InputError(
        architecture.name, field, problem: "\(size) does not fill blocks of \(dtype)",
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
    var bytes = 0
    architecture.layers.forEachKind { layer, count in
      guard let mixer = layer.mixer else { return }
      let (rows, width) =
        switch mixer {
        case .attention(let attention): (2 * attention.keyValueHeads, attention.headDimension)
        case .latentAttention(let attention): (1, attention.cacheWidth)
        }
      let blocks = (width + dtype.blockElements - 1) / dtype.blockElements
      bytes = saturatingSum(
        bytes,
        saturatingProduct(count, sequences, panels(capacity), rows, blocks, dtype.blockBytes))
    }
    return bytes
  }

  private func layer(_ index: Int) -> Layer {
    guard let layer = layers[index] else { preconditionFailure("layer \(index) has no cache") }
    return layer
  }

  func keys(layer index: Int, sequence: Int, head: Int) -> UnsafeMutableRawPointer {
    let layer = layer(index)
    return memory.base + layer.offset + (sequence * layer.blocks + head) * layer.headBytes
  }

  func values(layer index: Int, sequence: Int, head: Int) -> UnsafeMutableRawPointer {
    let layer = layer(index)
    return memory.base + layer.offset
      + ((sequence * 2 + 1) * layer.heads + head) * layer.headBytes
  }

  /// Starts what `store` will wait for: each head's keys and values lie on pages of their own, whose
  /// translations, out of any cache in a long context, are then looked up side by side.
  func prefetchStore(layer: Int, sequence: Int, position: Int) {
    for head in 0..<self.layer(layer).heads {
      let place = place(layer: layer, sequence: sequence, head: head, position: position)
      dyno_prefetch(place.panel)
      dyno_prefetch(place.value)
    }
  }

  /// Where a position's contents go: the panel that its key is scattered over, and its value.
  private func place(
    layer: Int, sequence: Int, head: Int, position: Int
  ) -> (panel: UnsafeMutableRawPointer, value: UnsafeMutableRawPointer) {
    let bytes = dtype.bytes(self.layer(layer).headDimension)
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
    let headDimension = self.layer(layer).headDimension
    kernels.functions.store_key(
      dtype.kernelType, key, headDimension, position % keyPanel, place.panel)
    if dtype.isBlocks {
      dyno_quantize(dtype.kernelType, value, headDimension, place.value)
    } else {
      kernels.functions.round(dtype.kernelType, value, headDimension, place.value)
    }
  }

  /// Rounds what latent attention keeps of a position to the cache's dtype.
  func store(
    latent: UnsafePointer<Float>, layer: Int, sequence: Int, position: Int, _ kernels: KernelTable
  ) {
    let width = self.layer(layer).headDimension
    let place = keys(layer: layer, sequence: sequence, head: 0) + position * dtype.bytes(width)
    if dtype.isBlocks {
      dyno_quantize(dtype.kernelType, latent, width, place)
    } else {
      kernels.functions.round(dtype.kernelType, latent, width, place)
    }
  }

  /// Appends `count` positions whose contents the engine has just stored.
  func advance(sequence: Int, by count: Int) {
    positions.withLock {
      $0.held[sequence] += count
      $0.written[sequence] = max($0.written[sequence], $0.held[sequence])
    }
  }

  /// Rewinds a sequence, or takes up again positions that it once held.
  public func setLength(_ length: Int, ofSequence sequence: Int) {
    positions.withLock {
      precondition(length <= $0.written[sequence], "no contents at position \(length - 1)")
      $0.held[sequence] = length
    }
  }

  /// Random contents of one head. Of f32, f16 and bf16, panels need not be told from rows.
  private func fillSynthetically(
    _ base: UnsafeMutableRawPointer, positions: Int, headDimension: Int, key: UInt32,
    inPanels: Bool, _ kernels: KernelTable
  ) {
    let type = dtype.kernelType
    let count = positions * headDimension
    guard dtype.isBlocks else {
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
    var first = 0
    for layer in layers.compactMap(\.self) {
      let blocks = sequences * layer.blocks
      team.run { [first] rank in
        for block in team.slice(blocks, rank: rank) {
          var keys = SeededGenerator(seed: seed &+ UInt64(first + block))
          let key = UInt32(truncatingIfNeeded: keys.next())
          fillSynthetically(
            memory.base + layer.offset + block * layer.headBytes, positions: Self.panels(depth),
            headDimension: layer.headDimension, key: key, inPanels: layer.isOfKeys(block), kernels)
        }
      }
      first += blocks
    }
    positions.withLock {
      $0.held = Array(repeating: depth, count: sequences)
      $0.written = $0.written.map { max($0, depth) }
    }
  }
}
