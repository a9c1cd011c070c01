import Model

/// The experts of a candidate's layers. It is plain and small: each shape holds one.
public struct ExpertMixture: Hashable, Sendable, BitwiseCopyable {
  /// The four below: one word to compare, and little to copy.
  private var sizes = SIMD4<Int32>.zero

  /// Experts of a layer; 0 of a dense model.
  public var count: Int { Int(sizes[0]) }
  /// Of these, those that a token passes.
  public var active: Int { Int(sizes[1]) }
  /// Experts of the same width that every token passes.
  public var shared: Int { Int(sizes[2]) }
  /// First layers that have a dense MLP instead, as wide as what a token passes of the others.
  public var denseLayers: Int { Int(sizes[3]) }

  /// A dense model.
  public init() {}

  /// - Parameter count: at least 1.
  init(count: Int, active: Int, shared: Int, denseLayers: Int) {
    sizes = SIMD4(Int32(count), Int32(active), Int32(shared), Int32(denseLayers))
  }

  /// What there is in `layers`; of other orders than those made here, as if they were.
  public init(_ layers: LayerStack) {
    guard let kind = layers.kinds.firstIndex(where: { $0.experts != nil }),
      let experts = layers.kinds[kind].experts
    else {
      self.init()
      return
    }
    self.init(
      count: experts.count, active: experts.active,
      shared: (experts.shared?.intermediateSize ?? 0) / max(1, experts.intermediateSize),
      denseLayers: layers.order.firstIndex(of: kind) ?? 0)
  }

  public var isDense: Bool { sizes[0] == 0 }
  /// Widths of an expert, or of the MLP, that a token passes in a layer.
  public var passed: Int { isDense ? 1 : active + shared }
  /// Widths that a layer with experts has.
  public var held: Int { isDense ? 1 : count + shared }
  /// In how many widths' multiple the widest matrix comes.
  var widest: Int { max(1, denseLayers > 0 ? passed : shared) }

  /// Widths of all layers: that there are, and that a token passes.
  func widths(layers: Int) -> (all: Int, active: Int) {
    (denseLayers * passed + (layers - denseLayers) * held, layers * passed)
  }

  /// Whether there can be such layers.
  func isPossible(layers: Int) -> Bool { count == 0 || active <= count && denseLayers < layers }

  /// So many layers with the mixer of `layer`, whose feed-forward part is of any kind.
  func layers(_ count: Int, of layer: Layer) -> LayerStack {
    var (dense, sparse) = (layer, layer)
    dense.feedForward = .dense(Self.mlp(of: layer))
    guard !isDense else { return LayerStack(repeating: dense, count: count) }
    var experts = Self.experts(of: layer)
    if experts.count != self.count { experts.router.groups = nil }
    (experts.count, experts.active) = (self.count, active)
    experts.shared = shared > 0 ? .init(intermediateSize: shared * experts.intermediateSize) : nil
    sparse.feedForward = .experts(experts)
    return LayerStack((0..<count).map { $0 < denseLayers ? dense : sparse })
  }

  private static func mlp(of layer: Layer) -> MLP {
    if let mlp = layer.mlp { return mlp }
    let experts = layer.experts
    return MLP(
      intermediateSize: experts?.intermediateSize ?? 1, activation: experts?.activation ?? .silu,
      inputNorm: experts?.inputNorm, outputNorm: experts?.outputNorm)
  }

  /// Those of the layer; of a dense one such as GLM-4.5 has: sigmoid scores, corrected where experts are
  /// chosen, weights that sum to 1.
  private static func experts(of layer: Layer) -> Experts {
    if let experts = layer.experts { return experts }
    let mlp = layer.mlp
    return Experts(
      count: 1, active: 1, intermediateSize: mlp?.intermediateSize ?? 1,
      activation: mlp?.activation ?? .silu,
      router: .init(scoring: .sigmoid, renormalises: true, hasCorrection: true),
      inputNorm: mlp?.inputNorm, outputNorm: mlp?.outputNorm)
  }

  /// `x32a4`, `s1` and `dense1` as far as they are so: 32 experts of which a token passes 4, one that all
  /// pass, one dense layer.
  public var words: [String] {
    guard !isDense else { return [] }
    let experts = "x\(count)a\(active)" + (shared > 0 ? "s\(shared)" : "")
    return [experts] + (denseLayers > 0 ? ["dense\(denseLayers)"] : [])
  }
}

extension Architecture {
  /// Replaces the layers by as many as asked for, in a pattern, with experts.
  ///
  /// A dense model that gets experts becomes one of GLM-4.5's family (`glm4_moe`), whose configuration
  /// can say all that is searched.
  mutating func arrange(
    like template: Architecture, _ count: Int, _ pattern: LayerPattern, _ mixture: ExpertMixture
  ) {
    let own = ExpertMixture(template.layers)
    if mixture.isDense, own.isDense {
      layers = template.layers.arranged(count, pattern)
    } else {
      let kinds = template.layers.kinds
      layers = mixture.layers(count, of: kinds.first { $0.experts != nil } ?? kinds[0])
    }
    modelType =
      own.isDense && !mixture.isDense ? "glm4_moe" : template.modelType
  }
}
