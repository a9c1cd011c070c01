/// The layers of an architecture, those that are equal kept once.
///
/// What depends on a layer is computed for each kind and counted as often as it occurs; a search
/// changes the kinds in place.
public struct LayerStack: Hashable, Sendable, RandomAccessCollection {
  /// Layers that differ, in the order in which they first occur.
  public private(set) var kinds: [Layer]
  /// Of each layer, its kind.
  public private(set) var order: [Int]
  /// Of each layer, the one whose weights it uses: itself, or an earlier one of its kind. Empty where
  /// all have their own.
  private var sources: [Int]
  /// How many layers are of each kind, and how many of these have weights of their own.
  public private(set) var counts: [Int]
  public private(set) var ownCounts: [Int]

  /// - Parameter sharing: layers that use the weights of an earlier one, which is equal to them.
  public init(_ layers: [Layer], sharing: [Int: Int] = [:]) {
    var known: [Layer: Int] = [:]
    kinds = []
    order = []
    for layer in layers {
      if let kind = known[layer] {
        order.append(kind)
      } else {
        known[layer] = kinds.count
        order.append(kinds.count)
        kinds.append(layer)
      }
    }
    sources = sharing.isEmpty ? [] : layers.indices.map { sharing[$0] ?? $0 }
    (counts, ownCounts) = ([], [])
    count(again: ())
    for (layer, source) in sharing {
      precondition(
        layers.indices.contains(layer) && source < layer && order[source] == order[layer]
          && sharing[source] == nil, "layer \(layer) cannot share the weights of \(source)")
    }
  }

  public init(repeating layer: Layer, count: Int) {
    self.init(Array(repeating: layer, count: count))
  }

  private mutating func count(again: Void) {
    counts = kinds.map { _ in 0 }
    ownCounts = counts
    for (layer, kind) in order.enumerated() {
      counts[kind] += 1
      if sources.isEmpty || sources[layer] == layer { ownCounts[kind] += 1 }
    }
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { order.count }
  public subscript(layer: Int) -> Layer { kinds[order[layer]] }

  /// The layer whose weights `layer` uses, itself where it has its own.
  public func source(of layer: Int) -> Int { sources.isEmpty ? layer : sources[layer] }

  public var sharesWeights: Bool { !sources.isEmpty }

  /// Layers that use the weights of another one, in pairs.
  public var sharing: [(layer: Int, source: Int)] {
    sources.enumerated().compactMap { $0 == $1 ? nil : ($0, $1) }
  }

  /// Calls `body` with each kind and how many layers are of it.
  @inlinable
  public func forEachKind(_ body: (_ layer: Layer, _ count: Int) -> Void) {
    for kind in kinds.indices { body(kinds[kind], counts[kind]) }
  }

  /// Changes every kind in place.
  @inlinable
  public mutating func modifyKinds(_ change: (inout Layer) -> Void) {
    for kind in kinds.indices { modify(kind, change) }
  }

  @usableFromInline
  mutating func modify(_ kind: Int, _ change: (inout Layer) -> Void) { change(&kinds[kind]) }

  /// Layers after which the kinds repeat.
  private var shortestPeriod: Int {
    (1...Swift.max(1, count)).first { period in
      order.indices.dropFirst(period).allSatisfy { order[$0] == order[$0 - period] }
    } ?? count
  }

  /// As many layers as asked for: the first ones, or their pattern over and over.
  public mutating func resize(to count: Int) {
    guard count != self.count else { return }
    precondition(!isEmpty && count > 0)
    if kinds.count == 1, sources.isEmpty {
      order = Array(repeating: 0, count: count)
      (counts[0], ownCounts[0]) = (count, count)
      return
    }
    let (period, old) = (sources.isEmpty ? shortestPeriod : self.count, self)
    var sharing: [Int: Int] = [:]
    for layer in 0..<count {
      let (turn, place) = layer.quotientAndRemainder(dividingBy: period)
      let source = old.source(of: place)
      if source != place { sharing[layer] = turn * period + source }
    }
    self = LayerStack((0..<count).map { old[$0 % period] }, sharing: sharing)
  }
}
