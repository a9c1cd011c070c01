import Foundation

extension SeededGenerator {
  /// One of many streams of a seed, independent of each other for our purposes: work split over
  /// threads draws the same numbers whatever the split.
  public init(seed: UInt64, stream: Int) {
    // Two rounds part the streams: neighbouring states of SplitMix64 would overlap.
    var mixer = SeededGenerator(seed: seed)
    _ = mixer.next()
    var other = SeededGenerator(seed: mixer.next() ^ UInt64(bitPattern: Int64(stream)))
    self.init(seed: other.next())
  }

  /// A draw from the standard normal distribution (Box and Muller 1958).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &self))).squareRoot()
    return radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &self))
  }
}
