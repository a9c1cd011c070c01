import Foundation
import Model
import Numerics

/// Experts drawn by chance instead of by the router, whose scores say nothing where weights are random:
/// each token of a layer draws `active` different ones, expert by expert in proportion to the routing's
/// weights. Draws depend on seed, layer, sequence and position alone.
public struct SyntheticRouting: Sendable {
  public let routing: Routing
  private let key: UInt64
  /// Of each layer with experts, the wanted shares: which expert is the favourite differs by layer.
  private let rates: [[Double]]

  public init(_ routing: Routing, _ architecture: Architecture, seed: UInt64) {
    self.routing = routing
    var random = SeededGenerator(seed: seed)
    key = random.next()
    rates = architecture.layers.enumerated().map { layer, kind in
      guard routing.exponent != 0, let experts = kind.experts else { return [] }
      var random = SeededGenerator(seed: seed &+ UInt64(layer))
      return routing.weights(experts.count).shuffled(using: &random)
    }
  }

  /// One token's draw in one layer.
  struct Draw {
    let rates: [Double]
    let seed: UInt64

    /// The first clocks to ring of as many as there are experts (Efraimidis and Spirakis 2006).
    func choose(_ experts: Experts, into chosen: UnsafeMutablePointer<Int32>) {
      var random = SeededGenerator(seed: seed)
      guard !rates.isEmpty else {
        return chooseEvenly(experts, into: chosen, &random)
      }
      withUnsafeTemporaryAllocation(of: Double.self, capacity: experts.count) { times in
        for i in 0..<experts.count {
          times[i] = -log(1 - Double.random(in: 0..<1, using: &random)) / rates[i]
        }
        for place in 0..<experts.active {
          var first = 0
          for i in 0..<experts.count where times[i] < times[first] { first = i }
          times[first] = .infinity
          chosen[place] = Int32(first)
        }
      }
    }

    /// Floyd's sample of different numbers (Bentley and Floyd 1987).
    private func chooseEvenly(
      _ experts: Experts, into chosen: UnsafeMutablePointer<Int32>,
      _ random: inout SeededGenerator
    ) {
      for place in 0..<experts.active {
        let most = experts.count - experts.active + place
        let drawn = Int32(Int.random(in: 0...most, using: &random))
        let isTaken = (0..<place).contains { chosen[$0] == drawn }
        chosen[place] = isTaken ? Int32(most) : drawn
      }
    }
  }

  func draw(layer: Int, sequence: Int, position: Int) -> Draw {
    var random = SeededGenerator(
      seed: key &+ UInt64(layer) &<< 48 ^ UInt64(sequence) &<< 32 ^ UInt64(position))
    return Draw(rates: rates[layer], seed: random.next())
  }
}
