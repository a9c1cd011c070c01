import Foundation
import Input
import Numerics

/// How a law is judged on rows it was not fitted to.
public enum ValidationMethod: String, CaseIterable, Codable, Sendable {
  /// Fitted on all smaller sizes, judged on the next: the paper's tasks 1 to 3.
  case progressive
  case leaveOneSizeOut = "leave-one-size-out"
  /// Random fifths of the rows.
  case kFold = "k-fold"
}

/// A law's quality on held-out rows.
public struct Validation: Sendable, Codable {
  public struct Fold: Sendable, Codable {
    /// The held-out size, or the fold's number.
    public let heldOut: String
    public let fittedRows: Int
    /// `nil` where the rest of the rows could not determine the law.
    public let quality: FitQuality?
    public let failure: String?
    /// Mean squared error of a predictor that knows nothing of the law's features: the mean ratio
    /// of loss to `L_opt` among the fitted rows (of laws without `L_opt`, their mean loss). `nil`
    /// where `L_opt` could not be fitted.
    public let constantMeanSquaredError: Double?
    /// Share of held-out losses inside their 95% prediction intervals; `nil` where there are none.
    public let intervalCoverage: Double?
  }

  public let method: ValidationMethod
  public let folds: [Fold]
  /// Over all held-out rows of the folds that could be fitted.
  public let overall: FitQuality?
  public let overallConstantMeanSquaredError: Double?
  public let overallIntervalCoverage: Double?

  /// - Parameters:
  ///   - references: fitted anew for each fold, so that held-out rows stay unseen.
  ///   - resampling: what intervals come from; `nil` for the covariance.
  public init(
    _ form: any LawForm.Type, _ table: TrainingTable, references: ReferenceSource,
    method: ValidationMethod, seed: UInt64 = 1, resampling: Resampling? = nil, resamples: Int = 1000
  ) throws {
    var folds: [Fold] = []
    var predicted: [Double] = []
    var measured: [Double] = []
    var constantSquares = 0.0
    var (covered, withInterval) = (0, 0)
    for split in try Self.splits(table, method, seed: seed) {
      var fitted = TrainingTable(name: table.name, rows: split.fitted)
      var heldOut = TrainingTable(name: table.name, rows: split.heldOut)
      var law: ScalingLaw?
      var failure: String?
      do {
        let (reference, complete) = try references.prepared(for: form, fitted)
        fitted = complete(fitted)
        heldOut = complete(heldOut)
        let fit = try LawFit(
          form, fitted, name: form.name, reference: reference, source: "validation")
        law = try (resampling.map { try fit.bootstrapped($0, count: resamples, seed: seed) } ?? fit)
          .law
      } catch let error as InputError { failure = error.problem }
      let losses = heldOut.rows.map(\.loss)
      let constant = Self.constantPredictions(form, fitted, heldOut)
      let constantSquare = zip(constant, losses).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      let estimates = try law.map { law in
        try heldOut.rows.map { try Self.estimate(law, $0.point) }
      }
      // A reference that does not say how well it is known leaves no interval to be judged.
      let hasIntervals = estimates?.contains { $0.interval != nil } ?? false
      let inside = zip(estimates ?? [], losses).count { $0.interval?.contains($1) ?? false }
      if let estimates {
        predicted += estimates.map(\.value)
        measured += losses
        constantSquares += constantSquare
      }
      if hasIntervals {
        covered += inside
        withInterval += losses.count
      }
      folds.append(
        Fold(
          heldOut: split.label, fittedRows: fitted.rows.count,
          quality: estimates.map {
            FitQuality(predicted: $0.map(\.value), measured: losses)
          }, failure: failure,
          constantMeanSquaredError: constantSquare.isFinite
            ? constantSquare / Double(losses.count) : nil,
          intervalCoverage: hasIntervals ? Double(inside) / Double(losses.count) : nil))
    }
    self.method = method
    self.folds = folds
    let count = Double(measured.count)
    overall = measured.isEmpty ? nil : FitQuality(predicted: predicted, measured: measured)
    overallConstantMeanSquaredError = measured.isEmpty ? nil : constantSquares / count
    overallIntervalCoverage = withInterval == 0 ? nil : Double(covered) / Double(withInterval)
  }

  /// With the uncertainty of the reference law, where `L_opt` comes from one.
  private static func estimate(
    _ law: ScalingLaw, _ point: TrainingPoint
  ) throws -> (value: Double, interval: ClosedRange<Double>?) {
    guard law.reference != nil else {
      let estimate = law.estimate(at: point)
      return (estimate.value, estimate.prediction95)
    }
    let prediction = try LossPredictor(law, parameters: point.parameters, tokens: point.tokens)
      .predict(point)
    return (prediction.value, prediction.prediction95)
  }

  private static func constantPredictions(
    _ form: any LawForm.Type, _ fitted: TrainingTable, _ heldOut: TrainingTable
  ) -> [Double] {
    guard form.referenceRole != .none else {
      return heldOut.rows.map { _ in Moments.mean(fitted.rows.map(\.loss)) }
    }
    let ratio = Moments.mean(fitted.rows.map { $0.loss / $0.point.reference })
    return heldOut.rows.map { ratio * $0.point.reference }
  }

  private struct Split {
    let label: String
    let fitted: [TrainingTable.Row]
    let heldOut: [TrainingTable.Row]
  }

  private static func splits(
    _ table: TrainingTable, _ method: ValidationMethod, seed: UInt64
  ) throws -> [Split] {
    if method == .kFold { return try randomFolds(table, seed: seed) }
    for row in table.rows where !row.point.parameters.isFinite {
      throw InputError(
        table.name, "row \(row.line)", problem: "does not give N",
        expected: "sizes to validate by")
    }
    let sizes = SizeGroup.groups(of: table.rows)
    guard sizes.count > 1 else {
      throw InputError(table.name, problem: "holds one model size", expected: "several sizes")
    }
    return sizes.indices.compactMap { index in
      if method == .progressive, index == 0 { return nil }
      let others =
        method == .progressive
        ? Array(sizes[..<index]) : sizes.indices.filter { $0 != index }.map { sizes[$0] }
      return Split(
        label: sizes[index].label, fitted: others.flatMap(\.rows), heldOut: sizes[index].rows)
    }
  }

  private static func randomFolds(_ table: TrainingTable, seed: UInt64) throws -> [Split] {
    let count = 5
    guard table.rows.count >= 2 * count else {
      throw InputError(
        table.name, problem: "has \(table.rows.count) rows", expected: "at least \(2 * count)")
    }
    var generator = SeededGenerator(seed: seed, stream: 0)
    let shuffled = table.rows.shuffled(using: &generator)
    return (0..<count).map { fold in
      let isHeldOut = { (index: Int) in index % count == fold }
      return Split(
        label: "fold \(fold + 1)",
        fitted: shuffled.indices.filter { !isHeldOut($0) }.map { shuffled[$0] },
        heldOut: shuffled.indices.filter(isHeldOut).map { shuffled[$0] })
    }
  }
}

/// Rows of about the same `N`.
struct SizeGroup {
  let rows: [TrainingTable.Row]
  /// Their median `N`.
  var label: String {
    let median = Quantiles.median(rows.map(\.point.parameters))
    return median >= 1e9
      ? String(format: "%.3gB", median / 1e9) : String(format: "%.3gM", median / 1e6)
  }

  /// Sizes in ascending order. A gap of more than 15% begins a new one, and so does a row of more
  /// than 1.5 times the group's smallest, lest small steps chain everything together.
  static func groups(of rows: [TrainingTable.Row]) -> [SizeGroup] {
    var groups: [[TrainingTable.Row]] = []
    for row in rows.sorted(by: { $0.point.parameters < $1.point.parameters }) {
      if let group = groups.last, let first = group.first, let last = group.last,
        row.point.parameters <= 1.15 * last.point.parameters,
        row.point.parameters <= 1.5 * first.point.parameters
      {
        groups[groups.count - 1].append(row)
      } else {
        groups.append([row])
      }
    }
    return groups.map(SizeGroup.init)
  }
}
