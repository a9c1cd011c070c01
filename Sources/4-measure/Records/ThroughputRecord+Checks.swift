import Input

extension ThroughputRecord {
  /// Refuses a record whose numbers no run can have given, however it came to be: what is computed
  /// from records divides by these and takes their logarithms.
  ///
  /// - Throws: `InputError` that names the field.
  public func checked() throws -> ThroughputRecord {
    func require(
      _ isRight: Bool, _ field: String, _ value: some CustomStringConvertible, _ expected: String
    ) throws {
      guard isRight else {
        throw InputError(
          modelType, testName, field, problem: "is \(value)", expected: expected)
      }
    }
    func rate(_ field: String, _ value: Double) throws {
      try require(value > 0 && value.isFinite, field, value, "a number greater than 0")
    }
    func count(_ field: String, _ value: Int, from least: Int) throws {
      // Larger numbers are mistakes, and sums of them would overflow.
      try require((least...Self.most).contains(value), field, value, "\(least) or more")
    }
    try require(!samplesNs.isEmpty, "samples_ns", "empty", "at least one sample")
    for sample in samplesNs { try count("samples_ns", sample, from: 1) }
    for rate in samplesTs { try require(rate > 0, "samples_ts", rate, "rates greater than 0") }
    try rate("median_ts", medianTs)
    try rate("limits.read_bandwidth", limits.readBandwidth)
    try rate("limits.multiply_add_peak", limits.multiplyAddPeak)
    if let ci95Ts {
      try require(
        ci95Ts.count == 2 && ci95Ts[0] <= ci95Ts[1], "ci95_ts", ci95Ts, "its two ends")
    }
    for (field, value, least) in [
      ("n_prompt", nPrompt, 0), ("n_gen", nGen, 0), ("n_depth", nDepth, 0),
      ("n_sequences", nSequences, 1), ("n_threads", nThreads, 1), ("n_batch", nBatch, 1),
    ] { try count(field, value, from: least) }
    try require(
      (0...samplesNs.count).contains(sampling.suspectSamples), "sampling.suspect_samples",
      sampling.suspectSamples, "0 to \(samplesNs.count), its samples")
    try require(
      sampleCircumstances.count == samplesNs.count, "sample_circumstances",
      "of \(sampleCircumstances.count) samples", "one of each of the \(samplesNs.count)")
    return self
  }

  /// Some 30 years of nanoseconds.
  private static let most = 1 << 60
}
