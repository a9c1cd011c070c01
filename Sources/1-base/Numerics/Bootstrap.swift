/// Repetition of a computation on resampled data, on all cores.
public enum Bootstrap {
  /// Runs `body` `count` times. Each run has its own random stream, so results depend on `seed`
  /// only, not on the number of cores.
  public static func replicate<Result: Sendable>(
    _ count: Int, seed: UInt64, _ body: @Sendable (inout SeededGenerator) -> Result
  ) -> [Result] {
    Parallel.map(count, chunk: 8) { index in
      var generator = SeededGenerator(seed: seed, stream: index)
      return body(&generator)
    }
  }

  /// The expanded percentile interval of a statistic's bootstrap replicates: percentiles further
  /// out than the nominal ones, by the ratio of Student's t to the normal quantile and √(n/(n-p)),
  /// which makes up for the too narrow percentile interval of small samples (Hesterberg 2015,
  /// arXiv 1411.5279, section 4.3).
  ///
  /// `nil` with fewer than 2 replicates, or where one is not finite.
  public static func interval(
    _ replicates: [Double], rows: Int, degreesOfFreedom: Int, confidence: Double = 0.95
  ) -> ClosedRange<Double>? {
    guard replicates.count > 1, degreesOfFreedom > 0, replicates.allSatisfy(\.isFinite) else {
      return nil
    }
    let t = StudentT.quantile(0.5 + confidence / 2, degreesOfFreedom: Double(degreesOfFreedom))
    let widened = t * (Double(rows) / Double(degreesOfFreedom)).squareRoot()
    let tail = NormalDistribution.cumulative(-widened)
    let sorted = replicates.sorted()
    return Quantiles.interpolated(
      sorted: sorted, at: tail)...Quantiles.interpolated(sorted: sorted, at: 1 - tail)
  }
}
