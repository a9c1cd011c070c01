import Foundation
import Model

/// What one of the devices that share an architecture runs and holds, read off its operators: an
/// architecture is lowered once for its memory plan and all its prices.
///
/// Sizes are copied into memory that is kept: a search changes its one architecture in place, which a
/// reference to its layers would turn into a copy. Not shared between threads.
final class DeviceProgram {
  /// An operator other than attention, sized for one row, and how often a step runs it.
  struct RowOperator: BitwiseCopyable {
    let kind: Operator.Kind
    let shape: SizedOperator.Shape
    /// Columns that are left of a GEMM's after its activation.
    let results: Int
    let count: Int
  }

  /// What is read off the operators.
  struct Contents {
    /// Operators of a row for each token, and of one for each position whose logits are asked for.
    fileprivate(set) var ofTokens: [RowOperator] = []
    fileprivate(set) var ofLogits: [RowOperator] = []
    /// Attention of one layer, and how many layers have it.
    fileprivate(set) var attentions: [(heads: AttentionHeads, count: Int)] = []
    fileprivate(set) var latentAttentions: [(attention: LatentAttention, count: Int)] = []
    /// What the layers' caches hold.
    fileprivate(set) var held = HeldLayers()
    fileprivate var caches: [HeldLayers.Cache] = []
    /// Columns that a token passes at once in the widest feed-forward part of the whole architecture.
    fileprivate(set) var widest = 0
    /// How often a step adds up what devices computed parts of.
    fileprivate(set) var sums = 0
    /// Scores of a position, of all devices.
    fileprivate(set) var vocabulary = 0
    /// Experts of a token whose rows go to other devices, and how many layers have as many.
    fileprivate(set) var routedRows: [(active: Int, layers: Int)] = []
    /// Parameters of the device, and of all together.
    fileprivate(set) var part = ParameterCounts()
    fileprivate(set) var whole = ParameterCounts()
  }

  private let sharing: ExpertSharing
  private(set) var contents = Contents()
  private(set) var devices = 0
  private(set) var hiddenSize = 0
  /// Counts architectures, from 1.
  private(set) var version = 0
  private var sizes = Sizes()

  /// What all of it depends on.
  private struct Sizes {
    private var kinds: [Layer] = []
    private var counts: [Int] = []
    private var ownCounts: [Int] = []
    private var hidden = 0
    private var vocabulary = 0
    private var positions = 0
    private var finalNorm: Norm?
    private var hasHead = false
    private var headBias = false
    private var devices = 0

    /// - Returns: whether they were others before.
    mutating func become(_ architecture: Architecture, devices: Int) -> Bool {
      guard
        hidden != architecture.hiddenSize || vocabulary != architecture.vocabularySize
          || positions != architecture.learnedPositions || self.devices != devices
          || hasHead == architecture.tiedEmbeddings || headBias != architecture.headBias
          || finalNorm != architecture.finalNorm
          || !Self.areSame(kinds, architecture.layers.kinds)
          || !Self.areSame(counts, architecture.layers.counts)
          || !Self.areSame(ownCounts, architecture.layers.ownCounts)
      else { return false }
      kinds.replaceSubrange(kinds.indices, with: architecture.layers.kinds)
      counts.replaceSubrange(counts.indices, with: architecture.layers.counts)
      ownCounts.replaceSubrange(ownCounts.indices, with: architecture.layers.ownCounts)
      hidden = architecture.hiddenSize
      vocabulary = architecture.vocabularySize
      positions = architecture.learnedPositions
      finalNorm = architecture.finalNorm
      hasHead = !architecture.tiedEmbeddings
      headBias = architecture.headBias
      self.devices = devices
      return true
    }

    /// Byte by byte: a search asks for each of its candidates, and comparing layers field by field
    /// copies them. Equal layers whose padding differs count as others and are lowered again.
    @inline(__always)
    private static func areSame<Element: BitwiseCopyable>(_ a: [Element], _ b: [Element]) -> Bool {
      a.withUnsafeBytes { a in
        b.withUnsafeBytes { b in
          a.count == b.count && (a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0)
        }
      }
    }
  }

  init(_ sharing: ExpertSharing = ExpertSharing()) { self.sharing = sharing }

  /// Becomes that of `architecture` on each of `devices`.
  func become(_ architecture: Architecture, devices: Int) {
    guard sizes.become(architecture, devices: devices) else { return }
    self.devices = devices
    hiddenSize = architecture.hiddenSize
    version += 1
    contents.become(architecture, devices: devices, sharing)
  }
}

extension DeviceProgram.Contents {
  fileprivate mutating func become(
    _ architecture: Architecture, devices: Int, _ sharing: ExpertSharing
  ) {
    ofTokens.removeAll(keepingCapacity: true)
    ofLogits.removeAll(keepingCapacity: true)
    attentions.removeAll(keepingCapacity: true)
    latentAttentions.removeAll(keepingCapacity: true)
    caches.removeAll(keepingCapacity: true)
    routedRows.removeAll(keepingCapacity: true)
    sums = 0
    vocabulary = architecture.vocabularySize
    var expertElements = 0
    let isWindowed = architecture.hasWindows
    let wide = sharing.widened(architecture, devices: devices)
    part = wide.parameters(devices: devices) { operation, count in
      let kind = operation.kind
      // Each look into the body copies it.
      if kind == .attention || kind == .latentAttention {
        switch operation.body {
        case .attention(let attention):
          attentions.append((AttentionHeads(attention, isWindowed: isWindowed), count))
          caches.append(
            .init(width: 2 * attention.keyValueWidth, window: attention.window ?? 0, count: count))
        case .latentAttention(let attention):
          latentAttentions.append((attention, count))
          caches.append(.init(width: attention.cacheWidth, window: 0, count: count))
        default: preconditionFailure("\(kind) has another body")
        }
        return
      }
      let row = DeviceProgram.RowOperator(
        kind: kind, shape: operation.shape(rows: 1, extent: .even(batch: 1, cached: 0, new: 1)),
        results: operation.results, count: count)
      switch kind {
      case .finalNorm, .head: ofLogits.append(row)
      case .outputProjection, .downProjection:
        sums += count
        ofTokens.append(row)
      case .experts:
        // What shared experts give is added to the others' before it is summed. Where each device holds
        // whole experts, tokens come back whole from them: the sum before is left spread over devices,
        // and joined after.
        if sharing.parts == 1 || sharing.parts != devices { sums += count }
        if sharing.parts > 1, case .experts(let experts, _, _) = operation.body {
          routedRows.append((experts.active, count))
          expertElements += count * operation.elements.matrix
        }
        ofTokens.append(row)
      default: ofTokens.append(row)
      }
    }
    whole = devices > 1 ? architecture.parameters : part
    held = HeldLayers(caches)
    // A device holds its part of the experts only.
    part.mlp -= expertElements - expertElements / sharing.parts
    widest = architecture.layers.kinds.reduce(architecture.widestMLP) { widest, layer in
      max(widest, layer.experts.map { $0.active * $0.intermediateSize } ?? 0)
    }
  }
}
