import Foundation
import Numerics
import Records

/// Estimates from the scores of all predicted tokens.
package struct QualityStatistics {
  package let loss: QualityRecord.Estimate
  package let perplexity: QualityRecord.Estimate
  package let distance: QualityRecord.Distance

  /// - Parameters:
  ///   - scores: of the predicted tokens, in order.
  ///   - reference: the same of the reference.
  ///   - blocks: see `TextWindows`.
  package init(
    _ scores: [TokenScore], reference: [TokenScore], blocks: [Range<Int>], seed: UInt64
  ) {
    func sums(_ value: (Int) -> Double) -> [Double] {
      blocks.map { $0.reduce(0) { $0 + value($1) } }
    }
    let means = BlockBootstrap(blockSizes: blocks.map(\.count), seed: seed).means([
      sums { scores[$0].loss }, sums { scores[$0].loss - reference[$0].loss },
      sums { scores[$0].divergence }, sums { scores[$0].relativeError },
      sums { scores[$0].agrees ? 1 : 0 },
    ])
    let estimates = means.map(QualityRecord.Estimate.init)
    loss = estimates[0]
    perplexity = loss.mapped(exp, slope: exp(loss.value))
    let divergences = scores.map(\.divergence).sorted()
    var agreement = estimates[4]
    // Where no draw differs from another, draws say nothing of how rare what was not seen may be.
    let agreed = scores.count { $0.agrees }
    if agreement.interval95 != nil, agreed == 0 || agreed == scores.count {
      let exact = BinomialInterval.exact(successes: agreed, trials: scores.count)
      agreement.interval95 = [exact.lowerBound, exact.upperBound]
    }
    distance = QualityRecord.Distance(
      lossDifference: estimates[1], klDivergence: estimates[2],
      klP99: Quantiles.interpolated(sorted: divergences, at: 0.99),
      klMax: divergences[divergences.count - 1], top1Agreement: agreement,
      logitsRelativeError: estimates[3])
  }
}

extension QualityRecord.Estimate {
  init(_ mean: BlockBootstrap.Mean) {
    self.init(
      mean.value, standardError: mean.standardError,
      interval95: mean.interval95.map { [$0.lowerBound, $0.upperBound] })
  }

  /// A monotone function of the figure.
  ///
  /// - Parameter slope: its derivative at the value.
  package func mapped(_ function: (Double) -> Double, slope: Double) -> QualityRecord.Estimate {
    QualityRecord.Estimate(
      function(value), standardError: standardError.map { abs(slope) * $0 },
      interval95: interval95.map { $0.map(function).sorted() })
  }
}
