import Foundation

/// What the logits at one position say of the token that follows, and how far they are from those of
/// a reference.
package struct TokenScore: Sendable, Equatable {
  /// `-ln p(token)`, nats.
  package var loss: Double
  /// Kullback–Leibler divergence from the reference, `Σ p·ln(p/q)` with the reference's p, nats.
  package var divergence: Double
  /// `‖logits − reference‖₂ / ‖reference‖₂`
  package var relativeError: Double
  /// Whether both prefer the same token; of equal logits the first counts.
  package var agrees: Bool

  package init(loss: Double, divergence: Double, relativeError: Double, agrees: Bool) {
    self.loss = loss
    self.divergence = divergence
    self.relativeError = relativeError
    self.agrees = agrees
  }

  package var isFinite: Bool {
    loss.isFinite && divergence.isFinite && relativeError.isFinite
  }

  /// The scores of several rows of logits at one position; the first is the reference, whose
  /// distance from itself is 0.
  ///
  /// Sums over the vocabulary are in double precision: a divergence is a small difference of large
  /// terms.
  ///
  /// - Parameter token: the one that follows.
  package static func ofRows(
    _ rows: [UnsafeBufferPointer<Float>], following token: Int
  ) -> [TokenScore] {
    let reference = rows[0]
    let count = reference.count
    let (top, maximum) = largest(reference)
    var sum = 0.0
    var norm = 0.0
    // `exp(x − max)` of the reference, which every other row is weighted by.
    let weights = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      for index in 0..<count {
        let logit = Double(reference[index])
        let weight = exp(logit - maximum)
        buffer[index] = weight
        sum += weight
        norm += logit * logit
      }
      initialized = count
    }
    let logSum = log(sum)
    var scores = [
      TokenScore(
        loss: maximum + logSum - Double(reference[token]), divergence: 0,
        // Not 0 where a logit is not finite.
        relativeError: 0 * norm, agrees: true)
    ]
    for row in rows.dropFirst() {
      let (ownTop, ownMaximum) = largest(row)
      var ownSum = 0.0
      var weighted = 0.0
      var squares = 0.0
      for index in 0..<count {
        let (ours, theirs) = (Double(row[index]), Double(reference[index]))
        let centered = ours - ownMaximum
        ownSum += exp(centered)
        weighted += weights[index] * (theirs - maximum - centered)
        squares += (ours - theirs) * (ours - theirs)
      }
      let ownLogSum = log(ownSum)
      let divergence = weighted / sum - logSum + ownLogSum
      scores.append(
        TokenScore(
          loss: ownMaximum + ownLogSum - Double(row[token]),
          // Never negative but for the last bits.
          divergence: divergence < 0 ? 0 : divergence,
          relativeError: squares == 0 ? 0 : (squares / norm).squareRoot(), agrees: ownTop == top))
    }
    return scores
  }

  private static func largest(_ row: UnsafeBufferPointer<Float>) -> (index: Int, value: Double) {
    var (place, value) = (0, row[0])
    for index in 1..<row.count where row[index] > value { (place, value) = (index, row[index]) }
    return (place, Double(value))
  }
}
