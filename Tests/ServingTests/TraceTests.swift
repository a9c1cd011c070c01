import Input
import Requests
import Serving
import Testing

@Suite("Traces")
struct TraceTests {
  @Test("Azure's columns and dates")
  func azure() throws {
    let requests = try RequestTrace.table(
      """
      TIMESTAMP,ContextTokens,GeneratedTokens
      2023-11-16 18:17:03.9799600,4808,10
      2023-11-16 18:17:04.0319600,3180,8
      2024-02-29 18:17:04.0319600,1,1
      """)
    #expect(requests.map(\.input) == [4808, 3180, 1])
    #expect(requests.map(\.output) == [10, 8, 1])
    #expect(abs(requests[1].arrival - 0.052) < 1e-5)
    // 105 days from 16 November to 29 February.
    #expect(abs(requests[2].arrival - 105 * 86_400 - 0.052) < 1e-5)
  }

  @Test("JSON Lines, with prefixes, in milliseconds")
  func lines() throws {
    let requests = try RequestTrace.lines(
      """
      {"timestamp_ms": 1000, "input_tokens": 20, "output_tokens": 3, "prefix": "a", "prefix_tokens": 16}

      {"timestamp_ms": 1500, "input_tokens": 7, "output_tokens": 1}
      """)
    #expect(requests.map(\.arrival) == [0, 0.5])
    #expect(requests[0].prefix == .init(name: "a", tokens: 16))
    #expect(requests[1].prefix == nil)
  }

  @Test(
    "bad traces are refused by their line",
    arguments: [
      ("arrival,input\n1,2\n", "row 1: has no column \"output\""),
      ("arrival,input,output\n1,2,3\n2,-5,3\n", "row 3: input: is -5"),
      ("arrival,input,output\n2,2,3\n1,2,3\n", "row 3: arrival: goes back"),
      ("arrival,input,output\nx,2,3\n", "row 2: arrival: is \"x\""),
      ("arrival,input,output\n1,2.5,3\n", "row 2: input: is \"2.5\""),
      ("arrival,input,output\n1,2,nan\n", "row 2: output: is \"nan\""),
      ("arrival,input,output\n", "holds no request"),
      ("arrival,input,output,prefix\n1,2,3,a\n", "row 2: prefix_tokens: is not given"),
    ])
  func refused(_ text: String, _ start: String) {
    #expect {
      try RequestTrace.table(text)
    } throws: {
      "\($0)".hasPrefix(start)
    }
  }

  @Test(
    "bad lines are refused by their number",
    arguments: [
      ("{\"arrival\": 1, \"input\": 2}", "line 1: has no field \"output\""),
      ("{\"arrival\": 1, \"input\": 2, \"output\": 3}\n[]", "line 2: is no object"),
      ("{\"arrival\": 1, \"input\": \"2\", \"output\": 3}", "line 1: input: is"),
    ])
  func refusedLines(_ text: String, _ start: String) {
    #expect {
      try RequestTrace.lines(text)
    } throws: {
      "\($0)".hasPrefix(start)
    }
  }
}
