import Harness
import Input
import Requests
import Testing

@Suite struct LoadPlanTests {
  private func loads(
    _ concurrencies: [Int] = [1, 4], requests: Int? = nil, warmUp: Int? = nil
  ) throws -> ServingLoads {
    try ServingLoads(
      concurrencies, LengthDistribution(input: 8, output: 4), requests: requests, warmUp: warmUp)
  }

  /// A round takes so many seconds a request and client.
  private func plan(
    _ seconds: Double, requests: Int? = nil, repetitions: Int? = nil, longest: Double? = nil,
    spent: Double = 0
  ) throws -> LoadPlan {
    try LoadPlan(
      loads(requests: requests), repetitions: repetitions, budgetSeconds: 60,
      longestSeconds: longest, spentSeconds: spent, seconds: { seconds * Double($0) })
  }

  @Test func theBudgetDecidesOnRequestsAndRounds() throws {
    let many = try plan(1)
    #expect(many.requestsPerClient == 10 && many.rounds == 6 && many.warning == nil)
    #expect(try plan(1e-9).rounds == 30)
    let fewer = try plan(9)
    #expect(fewer.requestsPerClient == 6 && fewer.rounds == 1)
    #expect(fewer.warning?.contains("6 requests a client instead of 10") ?? false)
    let fewest = try plan(100)
    #expect(fewest.requestsPerClient == 4 && fewest.rounds == 1)
    #expect(fewest.warning?.contains("about 400 s, more than the budget") ?? false)
  }

  @Test func theBudgetIsKept() throws {
    // Four requests a client take 40 s, six 60 s: 10 s of warming up leave five.
    #expect(try plan(10, longest: 60).requestsPerClient == 6)
    #expect(try plan(10, longest: 60, spent: 10).requestsPerClient == 5)
    #expect(throws: InputError.self) { try plan(10, longest: 60, spent: 21) }
    #expect(try plan(10, spent: 21).rounds == 1)
    #expect(try plan(10, repetitions: 1, longest: 60, spent: 21).rounds == 1)
    #expect {
      try plan(100, longest: 60)
    } throws: {
      guard let error = $0 as? InputError else { return false }
      return error.location == ["budget"] && error.problem.contains("takes about 7m")
    }
  }

  @Test func whatIsAskedForIsRun() throws {
    #expect(try plan(100, repetitions: 3) == plan(1, repetitions: 3))
    #expect(try plan(100, repetitions: 3).rounds == 3)
    // With a number of requests the budget decides on rounds only.
    #expect(try plan(9, requests: 20).requestsPerClient == 10)
  }

  @Test(
    arguments: [
      ([0], nil, nil, "concurrency"), ([1, 5000], nil, nil, "concurrency"),
      ([4], 4, nil, "requests"), ([4], 0, nil, "requests"), ([4], 9, 9, "requests"),
      ([4], 1_000_001, nil, "requests"), ([4], Int.max, nil, "requests"),
      ([4], nil, -1, "warm_up"), ([1, 4], nil, 4, "warm_up"),
    ] as [([Int], Int?, Int?, String)])
  func refuses(_ concurrencies: [Int], _ requests: Int?, _ warmUp: Int?, _ field: String) {
    #expect {
      try loads(concurrencies, requests: requests, warmUp: warmUp)
    } throws: {
      ($0 as? InputError)?.location == [field]
    }
  }

  @Test func requestsOfOneMomentAreDrawnTogether() {
    func served(_ first: Double) -> ServingOutcome.Served {
      .init(input: 4, output: 2, sent: 0, firstToken: first, lastToken: first + 1)
    }
    // Eight moments of four equal requests: single draws would think them 32.
    var outcome = ServingOutcome()
    outcome.requests = (0..<32).map { served(Double($0 / 4)) }
    let intervals = LoadIntervals([outcome], clients: 4, seed: 1)
    let single = LoadIntervals([outcome], clients: 1, seed: 1)
    func width(_ intervals: LoadIntervals) -> Double {
      intervals.interval(\.timeToFirstToken).map { $0[1] - $0[0] } ?? 0
    }
    #expect(width(intervals) > 1.5 * width(single) && width(single) > 0)
    #expect(intervals.interval(\.timePerOutputToken) == [1, 1])
    outcome.requests.removeLast(8)
    #expect(LoadIntervals([outcome], clients: 4, seed: 1).interval(\.latency) == nil)
  }
}
