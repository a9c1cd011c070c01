import Foundation
import Input
import Model
import Search

/// What a closed loop measured, beside what was predicted.
public struct ClosedLoopReport {
  private let outcome: ClosedLoop.Outcome
  private let baseline: Architecture
  /// Whether a gain over the baseline says something of a shape.
  private let isBaselineOfSize: Bool

  public init(_ outcome: ClosedLoop.Outcome, baseline: Architecture, isBaselineOfSize: Bool = true)
  {
    self.outcome = outcome
    self.baseline = baseline
    self.isBaselineOfSize = isBaselineOfSize
  }

  public var table: String {
    var table = Table([
      ("architecture", .left), ("predicted tok/s", .right), ("measured tok/s", .right),
      ("baseline's then", .right), ("predicted gain", .right), ("measured gain", .right),
      ("95% interval", .right),
      ("believed gain", .right), ("95% interval", .right), ("visits", .right), ("pairs", .right),
    ])
    for standing in outcome.standings.filter({ $0.visits > 0 }) {
      table.add([
        standing.architecture.name, Quantity.number(standing.predictedThroughput),
        standing.measuredThroughput.map { Quantity.number($0) } ?? "–",
        standing.baselineThroughput.map { Quantity.number($0) } ?? "–",
        stated(Self.gain(standing.predicted)), stated(standing.measured.map(Self.gain)),
        stated(interval(standing)), stated(Self.gain(standing.believed)),
        stated(Self.text(Self.ends(standing.believed, 1.96 * standing.believedDeviation))),
        "\(standing.visits)", "\(standing.pairs)",
      ])
    }
    return ([table.rendered(), ""] + notes).joined(separator: "\n")
  }

  /// A gain over another size of model is none.
  private func stated(_ text: String?) -> String { (isBaselineOfSize ? text : nil) ?? "–" }

  private var notes: [String] {
    let pool = outcome.standings.count
    var notes = [
      verdict,
      "Tokens a second are those of a candidate's latest round, beside the baseline's of the same "
        + "round; those of different rounds are of different minutes. Gains are of all rounds.",
      "Rows are in the order of the gain believed after measuring.",
      "\(outcome.visits) measurements of a candidate in \(outcome.rounds) rounds, "
        + "\(Quantity.seconds(outcome.seconds)); measuring the whole pool once takes \(pool) "
        + "(\(Quantity.percent(Double(outcome.visits) / Double(pool)))).",
      ending,
      "Rank correlation of predicted and measured gains: "
        + (outcome.rankCorrelation.map { Quantity.number($0, digits: 3) } ?? "too few measured")
        + "; \(outcome.leader.architecture.name) is \(Quantity.percent(expm1(outcome.regret))) behind the best measured.",
    ]
    if isBaselineOfSize, outcome.measuredCount > 1 {
      notes.insert(
        "Intervals of measured gains hold for all \(outcome.measuredCount) at once: the best of "
          + "many looks better than it is.", at: 1)
    }
    let moved = outcome.coefficients.filter { abs(log($0.value / $0.prior)) > 1e-3 }
    if !moved.isEmpty {
      let words = moved.map {
        "\($0.name) \(Quantity.number($0.prior, digits: 3)) → "
          + "\(Quantity.number($0.value, digits: 3)) ± \(Quantity.percent($0.standardError))"
      }
      notes.append("Calibrated by the ratios: " + words.joined(separator: ", ") + ".")
    }
    return notes
  }

  /// What was decided: a gain that noise could have made is none.
  private var verdict: String {
    let leader = outcome.leader
    let gain = Self.gain(leader.measured ?? leader.believed)
    let name = leader.architecture.name
    var text: String
    if !isBaselineOfSize {
      text =
        "Fastest as measured: \(name). \(baseline.name) is of another size: no gain over it is stated."
    } else if outcome.winner != nil {
      text = "Winner: \(name), \(gain) of \(baseline.name) as measured (\(interval(leader)))."
    } else {
      text = withoutWinner
    }
    let tied = outcome.tiedWithLeader.map(\.architecture.name)
    if !tied.isEmpty {
      text +=
        " Not told from \(name): \(tied.prefix(5).joined(separator: ", "))"
        + (tied.count > 5 ? " and \(tied.count - 5) more." : ".")
    }
    return text
  }

  /// What the leader is where it did not win.
  private var withoutWinner: String {
    let leader = outcome.leader
    let name = leader.architecture.name
    guard let measured = leader.measured, let error = leader.measuredError else {
      return "No winner: no candidate was measured."
    }
    let gain = Self.gain(measured)
    let interval = interval(leader)
    if measured + outcome.deviations * error >= 0 {
      return
        "No winner: the most promising, \(name), has \(gain) of \(baseline.name) (\(interval)), "
        + "which cannot be told from it."
    }
    let others = outcome.standings.filter { $0.visits > 0 }
    let isAnyFaster = others.contains { standing in
      guard let gain = standing.measured, let error = standing.measuredError else { return false }
      return JointIntervals.isGain(gain, error: error, among: others.count)
    }
    if isAnyFaster {
      return
        "No winner: the most promising, \(name), is slower than \(baseline.name): \(gain) "
        + "(\(interval))."
    }
    return
      "No winner: none of the \(others.count) measured proved faster than \(baseline.name); "
      + "the most promising, \(name), is slower: \(gain) (\(interval))."
  }

  private var ending: String {
    let gain = Quantity.percent(outcome.expectedGain)
    switch outcome.ending {
    case .stable: return "Ended: another measurement is expected to gain \(gain)."
    case .budget: return "Ended by the budget; another measurement is expected to gain \(gain)."
    case .visits:
      return "Ended by the number of measurements; another is expected to gain \(gain)."
    }
  }

  static func gain(_ logGain: Double) -> String { Quantity.number(exp(logGain)) + "×" }

  /// The ends of a measured gain's interval, by which it is judged.
  private func measuredEnds(_ standing: ClosedLoop.Standing) -> [Double]? {
    guard let measured = standing.measured, let error = standing.measuredError else { return nil }
    return Self.ends(measured, outcome.deviations * error)
  }

  private func interval(_ standing: ClosedLoop.Standing) -> String {
    measuredEnds(standing).map(Self.text) ?? "–"
  }

  private static func ends(_ center: Double, _ half: Double) -> [Double] {
    [exp(center - half), exp(center + half)]
  }

  private static func text(_ ends: [Double]) -> String {
    ends.map { Quantity.number($0) }.joined(separator: " – ")
  }

  // MARK: For programs

  struct Document: Encodable {
    struct Standing: Encodable {
      let name: String
      let architecture: [String: JSONValue]
      let predictedThroughput: Double
      let measuredThroughput: Double?
      /// The baseline's in the same round.
      let baselineThroughput: Double?
      /// Gains and their errors are absent where the baseline is of another size.
      let predictedGain: Double?
      let measuredGain: Double?
      /// 95%, of all that were measured at once.
      let measuredGainInterval: [Double]?
      /// Of the natural logarithm of this gain alone.
      let measuredStandardError: Double?
      let believedGain: Double?
      let believedStandardDeviation: Double?
      let visits: Int
      let pairs: Int
    }

    struct Coefficient: Encodable {
      let name: String
      let prior: Double
      let value: Double
      let standardError: Double
    }

    /// Absent where the leader cannot be told from the baseline, or that is of another size.
    let winner: String?
    let leader: String
    let tiedWithLeader: [String]
    let standings: [Standing]
    let rounds: Int
    let visits: Int
    let pool: Int
    let seconds: Double
    let ending: String
    let expectedGain: Double
    let rankCorrelation: Double?
    let regret: Double
    let coefficients: [Coefficient]
  }

  private func standing(_ standing: ClosedLoop.Standing) -> Document.Standing {
    func stated(_ value: Double?) -> Double? { isBaselineOfSize ? value : nil }
    func gain(_ logGain: Double?) -> Double? { stated(logGain.map { exp($0) }) }
    return Document.Standing(
      name: standing.architecture.name, architecture: standing.architecture.config,
      predictedThroughput: standing.predictedThroughput,
      measuredThroughput: standing.measuredThroughput,
      baselineThroughput: standing.baselineThroughput, predictedGain: gain(standing.predicted),
      measuredGain: gain(standing.measured),
      measuredGainInterval: isBaselineOfSize ? measuredEnds(standing) : nil,
      measuredStandardError: stated(standing.measuredError), believedGain: gain(standing.believed),
      believedStandardDeviation: stated(standing.believedDeviation), visits: standing.visits,
      pairs: standing.pairs)
  }

  var document: Document {
    Document(
      winner: isBaselineOfSize ? outcome.winner?.architecture.name : nil,
      leader: outcome.leader.architecture.name,
      tiedWithLeader: outcome.tiedWithLeader.map(\.architecture.name),
      standings: outcome.standings.map(standing),
      rounds: outcome.rounds, visits: outcome.visits, pool: outcome.standings.count,
      seconds: outcome.seconds, ending: outcome.ending.rawValue,
      expectedGain: outcome.expectedGain, rankCorrelation: outcome.rankCorrelation,
      regret: expm1(outcome.regret),
      coefficients: outcome.coefficients.map {
        Document.Coefficient(
          name: $0.name, prior: $0.prior, value: $0.value, standardError: $0.standardError)
      })
  }
}
