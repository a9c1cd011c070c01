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
    /// Rows are the tensor's columns, from column `first` of `total` on (GPT-2's `Conv1D`).
    case transposed(first: Int, total: Int)
  }

  /// The tensor, or those whose rows follow each other.
  public var names: [String]
  public var arrangement: Arrangement
  /// Added to each value (Gemma's norms store their distance from 1).
  public var offset: Float

  public init(_ names: [String], _ arrangement: Arrangement = .whole, offset: Float = 0) {
    self.names = names
    self.arrangement = arrangement
    self.offset = offset
  }

  public init(_ name: String, _ arrangement: Arrangement = .whole, offset: Float = 0) {
    self.init([name], arrangement, offset: offset)
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
  public let surplus: [String]

  public init(surplus: [String] = [], _ source: @escaping Rule) {
    self.source = source
    self.surplus = surplus
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
    return TensorNames(surplus: surplus) { weight, layer, _ in
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
    TensorNames(surplus: surplus) { [source] weight, layer, architecture in
      rule(weight, layer, architecture) ?? source(weight, layer, architecture)
    }
  }
}
