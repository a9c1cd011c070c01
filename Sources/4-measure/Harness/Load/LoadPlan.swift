import Input

/// How many requests each client sends, and how often every load is run.
package struct LoadPlan: Equatable {
  package let requestsPerClient: Int
  /// Each runs every load once.
  package let rounds: Int
  /// What is to be said of what the budget did to it; `nil` where it did nothing.
  package let warning: String?

  /// More of them hardly narrow an interval whose blocks they are.
  private static let mostRounds = 30

  /// - Parameters:
  ///   - repetitions: so many rounds, whatever they take.
  ///   - longestSeconds: a run that must take longer is refused; `nil`: none is.
  ///   - spentSeconds: of the budget, on warming up.
  ///   - seconds: of one round, as estimated, with so many requests a client.
  /// - Throws: `InputError` where the smallest round takes longer than it may.
  package init(
    _ loads: ServingLoads, repetitions: Int?, budgetSeconds: Double, longestSeconds: Double?,
    spentSeconds: Double = 0, seconds: (Int) -> Double
  ) throws {
    let usual = ServingLoads.usualRequests
    if let repetitions {
      (requestsPerClient, rounds, warning) = (usual, repetitions, nil)
      return
    }
    let budget = max(0, budgetSeconds - spentSeconds)
    var perClient = usual
    var expected = seconds(perClient)
    if loads.requests == nil {
      while perClient > ServingLoads.fewestRequests, expected > budget {
        perClient -= 1
        expected = seconds(perClient)
      }
    }
    let whole = spentSeconds + expected
    if let longestSeconds, whole > longestSeconds {
      throw InputError(
        "budget",
        problem:
          "is \(TimeSpan(seconds: longestSeconds).roundedUp), and one round of the loads takes "
          + "about \(TimeSpan(seconds: whole).roundedUp)",
        expected: "that much, fewer or shorter loads, or to go over it (--over-budget)")
    }
    requestsPerClient = perClient
    rounds = Int(max(1, min(Double(Self.mostRounds), budget / expected)))
    let takes = "a round takes about \(Int(expected.rounded(.up))) s"
    if expected > budget {
      warning = "\(takes), more than the budget: it is run once"
    } else if perClient < usual {
      warning =
        "\(perClient) requests a client instead of \(usual), as \(takes): a longer budget has more"
    } else {
      warning = nil
    }
  }
}
