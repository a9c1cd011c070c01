import Foundation
import Input
import Requests
import Serving
import Testing

@Suite("Calibration to serving runs")
struct ServingCalibrationTests {
  private func file(_ text: String, _ name: String = "runs") throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "\(UUID().uuidString)-\(name)")
    try text.write(to: path, atomically: true, encoding: .utf8)
    return path.path
  }

  @Test("AIConfigurator's table: rows that are not modelled are named, the others kept")
  func table() throws {
    let path = try file(
      """
      backend,backend_version,model_path,system,precision,isl,osl,gemm_quant_mode,batch_size,tp_size,pp_size,attention_dp_size,silicon_ttft_ms,silicon_tpot_ms
      trtllm,1.0,m,h100_sxm,,1024,128,,8.0,2.0,1.0,,190.9,7.9
      trtllm,1.0,m,h200_sxm,fp8,1024,128,fp8_block,8.0,2.0,1.0,1.0,190.9,7.9
      trtllm,1.0,m,h200_sxm,fp8,1024,128,fp8,8.0,2.0,1.0,8.0,190.9,7.9
      trtllm,1.0,m,h200_sxm,fp8,1024,128,fp8,8.0,2.0,1.0,1.0,-1,7.9
      """)
    var files = ServingRunFiles()
    try files.add(contentsOf: path)
    #expect(files.runs.map(\.weights) == ["bf16", "fp8_block"])
    #expect(abs(files.runs[0].timeToFirstToken - 0.1909) < 1e-9 && files.runs[0].requests == 80)
    #expect(files.rejected.map { "\($0)".contains("row 4") } == [true, false])
    #expect("\(files.rejected[1])".contains("row 5: ttft"))
  }

  @Test("vLLM's and SGLang's bench serve, one object or one a line")
  func benchServe() throws {
    let line =
      #"{"model_id": "m", "max_concurrency": 4, "request_rate": "inf", "completed": 40, "total_input_tokens": 40960, "total_output_tokens": 5120, "mean_ttft_ms": 50, "mean_tpot_ms": 8, "tensor_parallel_size": "2"}"#
    let open = line.replacing("\"inf\"", with: "3.5")
    var files = ServingRunFiles(.init(engine: "vllm", device: "h100-sxm"))
    try files.add(contentsOf: file(line))
    try files.add(contentsOf: file(line + "\n" + open))
    #expect(files.runs.count == 2)
    let run = try #require(files.runs.first)
    #expect((run.input, run.output, run.concurrency, run.tensorParallel) == (1024, 128, 4, 2))
    #expect(run.timePerOutputToken == 0.008)
    #expect("\(files.rejected)".contains("request_rate"))
  }

  @Test("what a file says of its run comes before what its reader was told")
  func filesSpeakForThemselves() throws {
    let plain =
      #"{"model_id": "m", "max_concurrency": 4, "completed": 40, "total_input_tokens": 40960, "total_output_tokens": 5120, "mean_ttft_ms": 50, "mean_tpot_ms": 8"#
    func read(_ fields: String, weights: String? = nil, devices: Int? = nil) throws
      -> ServingRunFiles
    {
      var files = ServingRunFiles(
        .init(
          engine: "vllm", model: "n", device: "h100-sxm", weights: weights, tensorParallel: devices)
      )
      try files.add(contentsOf: file(plain + fields + "}"))
      return files
    }
    #expect(try read("").runs.map(\.model) == ["m"])
    for (backend, engine) in [
      ("sglang", "sglang"), ("sglang-native", "sglang"), ("openai-chat", "vllm"), ("vllm", "vllm"),
      ("tensorrt-llm", "tensorrt-llm"),
    ] {
      #expect(try read(#", "backend": "\#(backend)""#).runs.map(\.engine) == [engine])
    }
    #expect(try read(#", "tp": "2""#).runs.map(\.tensorParallel) == [2])
    for (fields, expected) in [
      (#", "num_prompts": 50"#, "40 of 50"), (#", "failed": 1"#, "failed"),
      (#", "errors": ["", "timeout"]"#, "1 requests failed"),
      (#", "pp_size": 2"#, "pipeline_parallel_size"),
      (#", "data_parallel_size": "4""#, "data_parallel_size"),
    ] {
      let found = try read(fields)
      #expect(found.runs.isEmpty && "\(found.rejected)".contains(expected), "\(found.rejected)")
    }
    #expect("\(try read(#", "tp": 8"#, devices: 4).rejected)".contains("4, as given"))
    var quantised = ServingRunFiles(.init(engine: "vllm", device: "d"))
    let awq = plain.replacing("\"m\"", with: "\"Some/Model-AWQ\"") + "}"
    try quantised.add(contentsOf: file(awq))
    #expect("\(quantised.rejected)".contains("quantised weights (awq)"))
    var said = ServingRunFiles(.init(engine: "vllm", device: "d", weights: "int4"))
    try said.add(contentsOf: file(awq))
    #expect(said.runs.map(\.weights) == ["int4"])
  }

  @Test("a run that would be simulated for hours is refused")
  func endlessRuns() throws {
    func run(_ clients: Int, _ output: Int) throws -> ServingRun {
      try ServingRun(
        engine: "vllm", model: "m", device: "d", weights: "", tensorParallel: 1, input: 1,
        output: output, concurrency: clients, timeToFirstToken: 1, timePerOutputToken: 1,
        origin: "")
    }
    #expect(throws: InputError.self) { try run(65_536, 400_000) }
    #expect(throws: Never.self) { try run(1024, 4096) }
  }

  @Test("GuideLLM's report: concurrent strategies")
  func guideLLM() throws {
    func benchmark(_ strategy: String) -> String {
      """
      {"args": {"strategy": \(strategy)}, "metrics": {
        "time_to_first_token_ms": {"successful": {"mean": 60, "count": 50}},
        "inter_token_latency_ms": {"successful": {"mean": 9}},
        "prompt_token_count": {"successful": {"mean": 512.2}},
        "output_token_count": {"successful": {"mean": 128}}}}
      """
    }
    let path = try file(
      "{\"benchmarks\": ["
        + benchmark("{\"type_\": \"concurrent\", \"streams\": 8}") + ","
        + benchmark("{\"type_\": \"constant\", \"rate\": 3}") + "]}")
    var files = ServingRunFiles(.init(engine: "vllm", model: "m", device: "d"))
    try files.add(contentsOf: path)
    #expect(files.runs.map(\.concurrency) == [8])
    #expect(files.runs[0].input == 512 && files.runs[0].requests == 50)
    let failed = benchmark("{\"type_\": \"concurrent\", \"streams\": 8}")
      .replacing("\"metrics\": {", with: "\"metrics\": {\"request_totals\": {\"errored\": 3},")
    try files.add(contentsOf: file("{\"benchmarks\": [\(failed)]}"))
    #expect(files.runs.count == 1 && "\(files.rejected)".contains("3 requests failed"))
    #expect("\(files.rejected)".contains("constant"))
  }

  @Test("a series that needs more than the peak is told; others are not")
  func implausible() throws {
    func run(_ version: String, _ rest: Double) throws -> ServingRun {
      try ServingRun(
        engine: "vllm", version: version, model: "m", device: "d", weights: "fp8",
        tensorParallel: 1, input: 1000, output: 101, concurrency: 100, timeToFirstToken: 0.1,
        timePerOutputToken: rest, origin: "")
    }
    // 100 / (0.1 + 100·rest) requests a second of 1101 tokens, two operations each of 8·10⁹.
    let (fast, slow) = (try run("1", 0.009), try run("2", 0.03))
    let share = ServingRunRule.shareOfPeak(fast, parameters: 8_000_000_000, peak: 1979e12)
    #expect(abs(share - 100 * 1101 * 16e9 / 1979e12) < 1e-9)
    let found = ServingRunRule.implausible(
      [fast, slow].map {
        ($0, ServingRunRule.shareOfPeak($0, parameters: 8_000_000_000, peak: 1979e12))
      })
    #expect(Array(found.keys) == [fast.series])
  }

  /// A front end that no run waits for keeps its prior.
  @Test("constants that made the runs are approached, against their prior")
  func recovery() {
    // TTFT and TPOT of a toy server, in which each constant shows.
    func toy(_ host: HostConstants, _ load: Double) -> (first: Double, rest: Double) {
      let step = host.factor * 0.004 * (1 + load / 50) + host.step
      return (
        step * 3 + host.prefill + load * host.request, max(step, load * host.token) + host.step
      )
    }
    let truth = HostConstants(
      factor: 0.8, step: 1e-3, prefill: 4e-3, sequence: 2e-5, request: 2e-3, token: 7e-5)
    let loads: [Double] = [1, 2, 4, 8, 16, 32, 64, 128]
    let rows = loads.map { load in
      let seen = toy(truth, load)
      return HostFit.Row(
        try! ServingRun(
          engine: "e", model: "m", device: "d", weights: "bf16", tensorParallel: 1, input: 8,
          output: 8, concurrency: Int(load), timeToFirstToken: seen.first,
          timePerOutputToken: seen.rest, origin: "")
      ) { toy($0, load) }
    }
    let found = HostFit.fit(rows, prior: .typical, iterations: 12)
    func squares(_ constants: HostConstants) -> Double {
      rows.reduce(0) { sum, row in
        let errors = row.errors(constants)!
        return sum + errors.first * errors.first + errors.rest * errors.rest
      }
    }
    #expect(squares(found) < squares(.typical) / 20)
    #expect(abs(found.token / truth.token - 1) < 0.1)
  }

  @Test("a file of constants is read as it was written, and others are refused")
  func constants() throws {
    let written = HostConstantsFile(engine: "vllm", constants: .typical, origin: "3 runs")
    let read = try HostConstantsFile(contentsOf: file(written.text(), "host.json"))
    #expect(read.constants == .typical && read.engine == "vllm" && read.origin == "3 runs")
    #expect(throws: InputError.self) { try HostConstantsFile(contentsOf: file("{}")) }
    #expect(throws: InputError.self) {
      try HostConstantsFile(
        contentsOf: file(written.text().replacing("0.9", with: "-0.9"), "host.json"))
    }
  }
}
