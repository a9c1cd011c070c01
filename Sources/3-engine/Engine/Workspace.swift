import Model
import Weights

/// Every activation buffer of the forward pass, as wide as the program's operators need. Some share
/// memory that both never need at once.
struct Workspace {
  /// By place.
  private let places: [Activations?]
  /// Of each rotation, one cosine and one sine per turned pair of each token's position.
  let angles: [Angles]

  struct Angles {
    let rotary: RotaryEmbedding
    let dimensions: Int
    let cosines: Activations
    let sines: Activations
  }

  init(_ architecture: Architecture, maxTokens: Int, maxLogits: Int) throws {
    let plan = Plan(architecture)
    var places: [Activations?] = Operator.Place.allCases.map { _ in nil }
    for shared in plan.buffers {
      let rows = Plan.isOfLogits(shared[0].place) ? maxLogits : maxTokens
      let widest = shared.map { Activations.stride($0.width) }.max()!
      let buffer = try FloatBuffer(count: rows * widest)
      for (place, width) in shared {
        places[place.rawValue] = Activations(width: width, in: buffer)
      }
    }
    self.places = places
    angles = try plan.rotations.map { rotation in
      Angles(
        rotary: architecture.rotaries[rotation.table], dimensions: rotation.dimensions,
        cosines: try Activations(rows: maxTokens, width: rotation.dimensions / 2),
        sines: try Activations(rows: maxTokens, width: rotation.dimensions / 2))
    }
  }

  subscript(place: Operator.Place) -> Activations {
    guard let activations = places[place.rawValue] else {
      preconditionFailure("nothing is in \(place)")
    }
    return activations
  }

  /// Index into `angles` of a layer's rotation.
  static func angles(_ rotation: Attention.Rotation, _ architecture: Architecture) -> Int {
    Plan.rotations(architecture).firstIndex {
      $0.table == rotation.table && $0.dimensions == rotation.dimensions
    }!
  }

  static func bytes(_ architecture: Architecture, maxTokens: Int, maxLogits: Int) -> Int {
    let plan = Plan(architecture)
    let buffers = plan.buffers.map { shared in
      shared.map {
        Activations.bytes(
          rows: Plan.isOfLogits($0.place) ? maxLogits : maxTokens, width: $0.width)
      }.max()!
    }
    let angles = plan.rotations.map {
      saturatingProduct(2, Activations.bytes(rows: maxTokens, width: $0.dimensions / 2))
    }
    return (buffers + angles).reduce(0) { saturatingSum($0, $1) }
  }

  /// Which places there are, how wide, and which share memory.
  private struct Plan {
    let buffers: [[(place: Operator.Place, width: Int)]]
    let rotations: [(table: Int, dimensions: Int)]

    init(_ architecture: Architecture) {
      var widths: [Operator.Place: Int] = [.residual: architecture.hiddenSize]
      func widen(_ place: Operator.Place, to width: Int) {
        widths[place] = max(widths[place] ?? 0, width)
      }
      architecture.forEachOperator { operation, _, _ in
        switch operation.body {
        case .norm(_, _, let to): widen(to, to: operation.width)
        case .projection(let projection): widen(projection.to, to: projection.results)
        case .attention, .latentAttention: widen(.attended, to: operation.width)
        case .experts(_, _, let to): widen(to, to: operation.width)
        case .route(let experts, _): widen(.expertScores, to: experts.count)
        case .sharedScale: widen(.sharedScale, to: 1)
        case .embedding, .rotaryAndCacheWrite, .latentRotaryAndCacheWrite, .residual: break
        }
      }
      // A parallel MLP still reads what attention read when attention is done.
      let isParallel = architecture.layers.kinds.contains { $0.arrangement != .sequential }
      let together: [[Operator.Place]] =
        [[.queryKeyValue, .activated]] + (isParallel ? [] : [[.attentionInput, .attended]])
      let alone = Operator.Place.allCases.filter { place in
        !together.joined().contains(place)
      }.map { [$0] }
      buffers = (together + alone).map { shared in
        shared.compactMap { place in widths[place].map { (place, $0) } }
      }.filter { !$0.isEmpty }
      rotations = Self.rotations(architecture)
    }

    /// Rotations that differ.
    static func rotations(_ architecture: Architecture) -> [(table: Int, dimensions: Int)] {
      var found: [(table: Int, dimensions: Int)] = []
      for case let rotation? in architecture.layers.kinds.map({ $0.mixer?.rotary })
      where !found.contains(where: { $0 == (rotation.table, rotation.dimensions) }) {
        found.append((rotation.table, rotation.dimensions))
      }
      return found
    }

    static func isOfLogits(_ place: Operator.Place) -> Bool {
      place == .selected || place == .logits
    }
  }
}
