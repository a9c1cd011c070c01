import Foundation

/// A small repeatable source of random numbers (SplitMix64; Steele, Lea and Flood 2014).
///
/// Streams of one seed are independent of each other for our purposes, so that work split over
/// threads gives the same numbers whatever the split.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64, stream: Int = 0) {
    // Two rounds part the streams: neighbouring states of SplitMix64 would overlap.
    var mixer = SeededGenerator(state: seed)
    _ = mixer.next()
    var other = SeededGenerator(state: mixer.next() ^ UInt64(bitPattern: Int64(stream)))
    state = other.next()
  }

  private init(state: UInt64) { self.state = state }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  /// A draw from the standard normal distribution (Box and Muller 1958).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &self))).squareRoot()
    return radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &self))
  }
}
