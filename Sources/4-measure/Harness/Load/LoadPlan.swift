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
  ///   - seconds: of one round, as estimated, with so many requests a client.
  package init(
    _ loads: ServingLoads, repetitions: Int?, budgetSeconds: Double, seconds: (Int) -> Double
  ) {
    let usual = ServingLoads.usualRequests
    if let repetitions {
      (requestsPerClient, rounds, warning) = (usual, repetitions, nil)
      return
    }
    var perClient = usual
    var expected = seconds(perClient)
    if loads.requests == nil {
      while perClient > ServingLoads.fewestRequests, expected > budgetSeconds {
        perClient -= 1
        expected = seconds(perClient)
      }
    }
    requestsPerClient = perClient
    rounds = Int(max(1, min(Double(Self.mostRounds), budgetSeconds / expected)))
    let takes = "a round takes about \(Int(expected.rounded(.up))) s"
    if expected > budgetSeconds {
      warning = "\(takes), more than the budget: it is run once"
    } else if perClient < usual {
      warning =
        "\(perClient) requests a client instead of \(usual), as \(takes): a longer budget has more"
    } else {
      warning = nil
    }
  }
}
