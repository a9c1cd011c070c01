import Model

/// What one of the devices that share an architecture runs and holds, read off its operators: an
/// architecture is lowered once for its memory plan and all its prices.
///
/// Sizes are copied into memory that is kept: a search changes its one architecture in place, which a
/// reference to its layers would turn into a copy. Not shared between threads.
final class DeviceProgram {
  /// An operator but attention at one row, and how often a step runs it.
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
    /// How often a step adds up what devices computed parts of.
    fileprivate(set) var sums = 0
    /// Parameters of the device, and of all together.
    fileprivate(set) var held = ParameterCounts()
    fileprivate(set) var whole = ParameterCounts()
  }

  private(set) var contents = Contents()
  private(set) var devices = 0
  private(set) var hiddenSize = 0
  /// Counts architectures, from 1.
  private(set) var version = 0
  private var sizes = Sizes()

  /// What all of it depends on.
  private struct Sizes {
    private var layers: [(layer: Layer, count: Int, ownCount: Int)] = []
    private var hidden = 0
    private var vocabulary = 0
    private var positions = 0
    private var finalNorm: Norm?
    private var hasHead = false
    private var headBias = false
    private var devices = 0

    /// - Returns: whether they were others before.
    mutating func become(_ architecture: Architecture, devices: Int) -> Bool {
      let stack = architecture.layers
      guard
        hidden != architecture.hiddenSize || vocabulary != architecture.vocabularySize
          || positions != architecture.learnedPositions || finalNorm != architecture.finalNorm
          || hasHead == architecture.tiedEmbeddings || headBias != architecture.headBias
          || self.devices != devices || layers.count != stack.kinds.count
          || layers.indices.contains(where: {
            layers[$0].count != stack.counts[$0] || layers[$0].ownCount != stack.ownCounts[$0]
              || layers[$0].layer != stack.kinds[$0]
          })
      else { return false }
      layers.removeAll(keepingCapacity: true)
      for kind in stack.kinds.indices {
        layers.append((stack.kinds[kind], stack.counts[kind], stack.ownCounts[kind]))
      }
      hidden = architecture.hiddenSize
      vocabulary = architecture.vocabularySize
      positions = architecture.learnedPositions
      finalNorm = architecture.finalNorm
      hasHead = !architecture.tiedEmbeddings
      headBias = architecture.headBias
      self.devices = devices
      return true
    }
  }

  /// Becomes that of `architecture` on each of `devices`.
  func become(_ architecture: Architecture, devices: Int) {
    guard sizes.become(architecture, devices: devices) else { return }
    self.devices = devices
    hiddenSize = architecture.hiddenSize
    version += 1
    contents.become(architecture, devices: devices)
  }
}

extension DeviceProgram.Contents {
  fileprivate mutating func become(_ architecture: Architecture, devices: Int) {
    ofTokens.removeAll(keepingCapacity: true)
    ofLogits.removeAll(keepingCapacity: true)
    attentions.removeAll(keepingCapacity: true)
    sums = 0
    let isWindowed = architecture.hasWindows
    held = architecture.parameters(devices: devices) { operation, count in
      if case .attention(let attention) = operation.body {
        attentions.append((AttentionHeads(attention, isWindowed: isWindowed), count))
        return
      }
      let row = DeviceProgram.RowOperator(
        kind: operation.kind,
        shape: operation.shape(rows: 1) { preconditionFailure("attention has no rows") },
        results: operation.results, count: count)
      switch operation.kind {
      case .finalNorm, .head: ofLogits.append(row)
      case .outputProjection, .downProjection:
        sums += count
        ofTokens.append(row)
      default: ofTokens.append(row)
      }
    }
    whole = devices > 1 ? architecture.parameters : held
  }
}
