import Formats
import Input

/// How the matrices of a model are stored, operator by operator: what its bytes, FLOP floors and memory
/// are computed from, whether the weights exist already or are to be made.
public struct WeightStorage: Sendable, Equatable {
  /// Formats of some matrices: of one operator's, of experts all together.
  public struct Matrices: Sendable, Equatable {
    /// Elements by format.
    public private(set) var elements: [DType: Int] = [:]

    public init() {}

    public mutating func add(_ dtype: DType, _ count: Int) { elements[dtype, default: 0] += count }

    public mutating func add(_ other: Matrices) {
      elements.merge(other.elements) { $0 + $1 }
    }

    public var count: Int { elements.values.reduce(0, +) }
    public var bytes: Int { elements.reduce(0) { $0 + $1.key.bytes($1.value) } }
    /// Mean bytes of one element; 0 where there is none.
    public var bytesPerElement: Double { count > 0 ? Double(bytes) / Double(count) : 0 }

    /// The format that takes most bytes; `nil` where there is no matrix.
    public var main: DType? {
      elements.max { a, b in
        (a.key.bytes(a.value), a.key.rawValue) < (b.key.bytes(b.value), b.key.rawValue)
      }?.key
    }
  }

  /// Of the embedding, of each layer by its operators, and of the head.
  private var outside: [Operator.Kind: Matrices] = [:]
  private var layers: [[Operator.Kind: Matrices]]
  /// Of each distinct matrix once.
  public private(set) var all = Matrices()

  public init(layers: Int) { self.layers = Array(repeating: [:], count: layers) }

  /// Those of an operator, empty where it has none.
  ///
  /// - Parameter layer: `nil` outside the layers.
  public func matrices(of kind: Operator.Kind, layer: Int?) -> Matrices {
    (layer.map { layers[$0][kind] } ?? outside[kind]) ?? Matrices()
  }

  /// - Parameter isOwn: whether these are no other operator's matrices as well.
  public mutating func add(
    _ matrices: Matrices, of kind: Operator.Kind, layer: Int?, isOwn: Bool = true
  ) {
    guard matrices.count > 0 else { return }
    if let layer {
      layers[layer][kind, default: Matrices()].add(matrices)
    } else {
      outside[kind, default: Matrices()].add(matrices)
    }
    if isOwn { all.add(matrices) }
  }

  /// How `format` stores an architecture's matrices.
  ///
  /// - Throws: `InputError` where a matrix's rows fill the blocks of neither a format nor its fallback.
  public init(_ format: WeightFormat, _ architecture: Architecture) throws {
    self.init(layers: architecture.layers.count)
    try architecture.checkRows(fill: format)
    let program = architecture.lowered()
    func add(_ operation: Operator, _ layer: Int?, isOwn: Bool) {
      var matrices = Matrices()
      var specs = operation.weights
      var count = 1
      if case .experts(let experts, _, _) = operation.body {
        // All alike.
        specs = operation.weights(ofExpert: 0, experts)
        count = experts.count
      }
      for spec in specs where spec.isMatrix && !spec.isExact {
        matrices.add(architecture.dtype(of: spec, layer: layer, in: format), count * spec.elements)
      }
      self.add(matrices, of: operation.kind, layer: layer, isOwn: isOwn)
    }
    for operation in program.embedding { add(operation, nil, isOwn: true) }
    for (layer, operators) in program.layers.enumerated() {
      let isOwn = architecture.layers.source(of: layer) == layer
      for operation in operators { add(operation, layer, isOwn: isOwn) }
    }
    for operation in program.head { add(operation, nil, isOwn: !architecture.tiedEmbeddings) }
  }

  /// The format whose rules these are, if there is one: `q4_k_m` of a file that llama.cpp made so.
  public func format(of architecture: Architecture) -> WeightFormat? {
    if all.elements.count == 1, let only = all.main { return WeightFormat(only) }
    return (WeightFormat.mixes + all.elements.keys.map { WeightFormat($0) }).first { format in
      (try? WeightStorage(format, architecture)) == self
    }
  }
}

extension Architecture {
  /// What `format` stores a matrix in.
  ///
  /// - Parameter layer: `nil` outside the layers.
  /// - Precondition: `checkRows(fill:)` has passed.
  public func dtype(of spec: WeightSpec, layer: Int?, in format: WeightFormat) -> DType {
    format.dtype(spec.role, columns: spec.columns ?? 1, at: place(ofLayer: layer))!
  }

  private func place(ofLayer layer: Int?) -> LayerMix.Place {
    var place = LayerMix.Place()
    place.layers = layers.count
    place.isTied = tiedEmbeddings
    guard let layer else { return place }
    place.layer = layer
    place.attention = layers.prefix(layer).count { $0.attention != nil }
    place.attentions = layers.count { $0.attention != nil }
    place.queryHeadsPerKeyValueHead = queryHeadsPerKeyValueHead
    place.experts = firstExperts?.count ?? 0
    return place
  }
}
