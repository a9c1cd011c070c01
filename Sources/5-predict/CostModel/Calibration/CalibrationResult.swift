import Records

extension DeviceCalibration {
  /// Errors of one rung of one family.
  public struct Step: Sendable {
    public var family: String
    /// Storage of weights (of the cache, for attention); the engine for whole runs.
    public var variant: String
    public var rung: Rung
    /// Rows that were fitted; 0 for rungs below the device's own measurements.
    public var rows: Int
    public var error: ErrorSummary

    public init(family: String, variant: String, rung: Rung, rows: Int, error: ErrorSummary) {
      self.family = family
      self.variant = variant
      self.rung = rung
      self.rows = rows
      self.error = error
    }
  }

  /// Mean errors on rows that were not fitted, by how many were.
  public struct Gain: Sendable {
    public var family: String
    public var variant: String
    public var errors: [(rows: Int, mean: Double)]

    public init(family: String, variant: String, errors: [(rows: Int, mean: Double)]) {
      self.family = family
      self.variant = variant
      self.errors = errors
    }
  }

  /// What a calibration gives.
  public struct Result {
    public var profile: DeviceProfile
    public var ladder: [Step] = []
    /// What more rows bring.
    public var gains: [Gain] = []
    /// Whole runs with what fits that have not seen their family of layers predict of them.
    public var heldOutRuns: [(run: WholeRun, comparison: Comparison)] = []
    /// Rows faster than the device's limits allow, not fitted.
    public var impossible: [String] = []
    /// Runs that contradict their neighbours or do not fit, not fitted.
    public var setAside: [String] = []
    /// What a user must know: fits that did not converge, coefficients that the data do not tell.
    public var warnings: [String] = []
    /// Whether some coefficients are now those of the device's own measurements.
    public var isFitted = false

    public init(profile: DeviceProfile) { self.profile = profile }
  }
}
