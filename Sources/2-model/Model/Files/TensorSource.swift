/// Where a file keeps the values of one weight.
public struct TensorSource: Sendable, Hashable {
  /// How the weight's rows lie in the tensor.
  public enum Arrangement: Sendable, Hashable {
    /// The tensor is the weight.
    case whole
    /// From row `first` on, in a tensor of `total` rows (Phi-3's fused projections).
    case rows(first: Int, total: Int)
    /// Blocks of `size` rows, each the `part`-th of `parts` blocks of a head (GPT-NeoX's fused
    /// projection).
    case interleaved(part: Int, parts: Int, size: Int)
    /// Rows are the tensor's columns, every `step`-th from column `first` of `total` on (GPT-2's
    /// `Conv1D`; gpt-oss's gates and ups take turns).
    case transposed(first: Int, total: Int, step: Int = 1)
    /// Two tensors, `heads` × `columns` × `keys` and `heads` × `values` × `columns`: each head's keys,
    /// transposed, and its values (latent attention in GGUF files).
    case headsKeysTransposed(heads: Int, keys: Int, values: Int)
  }

  /// One of equal tensors that are stacked in one (experts).
  public struct Slice: Sendable, Hashable {
    public let index: Int
    public let count: Int

    public init(_ index: Int, of count: Int) {
      self.index = index
      self.count = count
    }
  }

  /// The tensor, or those whose rows follow each other.
  public var names: [String]
  public var arrangement: Arrangement
  /// The part of the tensor in which the weight lies so arranged; `nil`: all of it.
  public var slice: Slice?
  /// Added to each value (Gemma's norms store their distance from 1).
  public var offset: Float
  /// Where other files of the family keep it.
  public var alternatives: [TensorSource] = []

  public init(
    _ names: [String], _ arrangement: Arrangement = .whole, slice: Slice? = nil, offset: Float = 0
  ) {
    self.names = names
    self.arrangement = arrangement
    self.slice = slice
    self.offset = offset
  }

  public init(
    _ name: String, _ arrangement: Arrangement = .whole, slice: Slice? = nil, offset: Float = 0
  ) {
    self.init([name], arrangement, slice: slice, offset: offset)
  }

  /// The same, or `others` where a file has those tensors.
  public func or(_ others: TensorSource...) -> TensorSource {
    var source = self
    source.alternatives += others
    return source
  }

  /// The first of this and its alternatives whose tensors are all there; this one where none is.
  public func found(in isPresent: (String) -> Bool) -> TensorSource {
    ([self] + alternatives).first { $0.names.allSatisfy(isPresent) } ?? self
  }

  /// The same with tensors called otherwise.
  public func renamed(_ name: (String) -> String) -> TensorSource {
    var source = self
    source.names = names.map(name)
    source.alternatives = alternatives.map { $0.renamed(name) }
    return source
  }

  /// Shapes of the tensors that hold `weight`, outermost dimension first.
  public func shapes(of weight: WeightSpec) -> [[Int]] {
    let rows = weight.rows / names.count
    let columns = weight.columns.map { [$0] } ?? []
    let stack = slice.map { [$0.count] } ?? []
    let shape: [Int]
    switch arrangement {
    case .whole: shape = [rows] + columns
    case .rows(_, let total): shape = [total] + columns
    case .interleaved(_, let parts, _): shape = [rows * parts] + columns
    case .transposed(_, let total, _): shape = columns + [total]
    case .headsKeysTransposed(let heads, let keys, let values):
      return [[heads] + columns + [keys], [heads, values] + columns]
    }
    return names.map { _ in stack + shape }
  }
}

/// Finds the tensors of a family in one kind of file.
public struct TensorNames: Sendable {
  /// The weight's place in a file; `layer` is `nil` for what stands outside the layers.
  public typealias Rule =
    @Sendable (_ weight: WeightSpec, _ layer: Int?, _ architecture: Architecture) -> TensorSource

  public let source: Rule
  /// Tensors that files hold and nothing needs, by how their names end: buffers that are computed
  /// anew.
  let surplus: [String]
  /// What stands before the numbers of layers.
  let layers: String

  public init(surplus: [String] = [], layers: String = "", _ source: @escaping Rule) {
    self.source = source
    self.surplus = surplus
    self.layers = layers
  }

  /// Of the tensors `names`, those that a model of `architecture` has no use for and that do no harm:
  /// buffers, other parts of a multimodal model, and layers after the last that predict further tokens.
  public func harmless(among names: Set<String>, _ architecture: Architecture) -> Set<String> {
    // Layers that predict further tokens project embedding and hidden state together.
    let further = names.filter { $0.hasSuffix("eh_proj.weight") }.compactMap { layer(of: $0) }
      .filter { $0 >= architecture.layers.count }
    return names.filter { name in
      if let layer = layer(of: name), further.contains(layer) { return true }
      return surplus.contains {
        name.hasSuffix($0) || $0.hasSuffix(".") && name.hasPrefix($0)
      }
    }
  }

  private func layer(of name: String) -> Int? {
    guard !layers.isEmpty, name.hasPrefix(layers) else { return nil }
    return Int(name.dropFirst(layers.count).prefix { $0 != "." })
  }

  /// Weights that each have a tensor: `prefix.name.weight` or `.bias`.
  ///
  /// - Parameters:
  ///   - names: by role; a role that is not listed has the default's.
  ///   - layer: in front of a layer's names, with the layer's number between.
  public static func plain(
    _ names: [WeightRole: String] = [:], defaults: [WeightRole: String],
    layers: (before: String, after: String), normOffset: Float = 0, surplus: [String] = []
  ) -> TensorNames {
    let all = defaults.merging(names) { $1 }
    return TensorNames(surplus: surplus, layers: layers.before) { weight, layer, _ in
      let place = layer.map { "\(layers.before)\($0)\(layers.after)" } ?? ""
      let name = all[weight.role] ?? weight.role.rawValue
      return TensorSource(
        "\(place)\(name).\(weight.form == .bias ? "bias" : "weight")",
        offset: weight.form == .norm ? normOffset : 0)
    }
  }

  /// The same with some weights elsewhere: where `rule` gives `nil`, they stay.
  public func with(
    _ rule: @escaping @Sendable (WeightSpec, Int?, Architecture) -> TensorSource?
  ) -> TensorNames {
    TensorNames(surplus: surplus, layers: layers) { [source] weight, layer, architecture in
      rule(weight, layer, architecture) ?? source(weight, layer, architecture)
    }
  }
}
