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
        Self.gain(standing.predicted), standing.measured.map(Self.gain) ?? "–",
        Self.interval(standing.measured, standing.measuredError),
        Self.gain(standing.believed),
        Self.interval(standing.believed, standing.believedDeviation), "\(standing.visits)",
        "\(standing.pairs)",
      ])
    }
    return ([table.rendered(), ""] + notes).joined(separator: "\n")
  }

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
    let interval = Self.interval(leader.measured, leader.measuredError)
    let name = leader.architecture.name
    var text: String
    if !isBaselineOfSize {
      text =
        "Fastest as measured: \(name). \(baseline.name) is of another size: no gain over it is stated."
    } else if outcome.winner != nil {
      text = "Winner: \(name), \(gain) of \(baseline.name) as measured (\(interval))."
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
    let interval = Self.interval(measured, error)
    if measured + 1.96 * error >= 0 {
      return
        "No winner: the most promising, \(name), has \(gain) of \(baseline.name) (\(interval)), "
        + "which cannot be told from it."
    }
    let others = outcome.standings.filter { $0.visits > 0 }
    let isAnyFaster = others.contains { standing in
      guard let gain = standing.measured, let error = standing.measuredError else { return false }
      return gain - 1.96 * error > 0
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

  static func interval(_ center: Double?, _ deviation: Double?) -> String {
    guard let center, let deviation else { return "–" }
    let half = 1.96 * deviation
    return "\(Quantity.number(exp(center - half))) – \(Quantity.number(exp(center + half)))"
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
      let predictedGain: Double
      let measuredGain: Double?
      let measuredStandardError: Double?
      let believedGain: Double
      let believedStandardDeviation: Double
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

  var document: Document {
    Document(
      winner: isBaselineOfSize ? outcome.winner?.architecture.name : nil,
      leader: outcome.leader.architecture.name,
      tiedWithLeader: outcome.tiedWithLeader.map(\.architecture.name),
      standings: outcome.standings.map {
        Document.Standing(
          name: $0.architecture.name, architecture: $0.architecture.config,
          predictedThroughput: $0.predictedThroughput, measuredThroughput: $0.measuredThroughput,
          baselineThroughput: $0.baselineThroughput,
          predictedGain: exp($0.predicted), measuredGain: $0.measured.map { exp($0) },
          measuredStandardError: $0.measuredError, believedGain: exp($0.believed),
          believedStandardDeviation: $0.believedDeviation, visits: $0.visits, pairs: $0.pairs)
      },
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
