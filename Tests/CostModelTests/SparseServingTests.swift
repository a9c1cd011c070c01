import CostModel
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

/// Models of experts and of latent attention on devices that share their layers.
@Suite struct SparseServingTests {
  private func llama() throws -> Architecture {
    try Architecture(
      configAt: Files.root.appendingPathComponent("profiles/architectures/llama-3.1-8b.json"))
  }

  /// Mixtral 8x7B's sizes: 46.7 billion parameters, of which a token passes 12.9.
  private func mixtral() throws -> Architecture {
    var architecture = try llama()
    architecture.name = "mixtral"
    architecture.vocabularySize = 32_000
    architecture.layers.modifyKinds {
      $0.experts = Experts(
        count: 8, active: 2, intermediateSize: 14_336, router: .init(renormalises: true),
        inputNorm: .rms(1e-5))
    }
    return architecture
  }

  /// DeepSeek-V2-Lite's sizes but for its dense first layer.
  private func deepseek() throws -> Architecture {
    var architecture = try llama()
    architecture.name = "deepseek"
    architecture.hiddenSize = 2048
    var layer = architecture.layers.kinds[0]
    let rotary = try #require(layer.attention?.rotary)
    layer.mixer = .latentAttention(
      LatentAttention(
        queryHeads: 16, queryRank: nil, rank: 512, plainWidth: 128, rotaryWidth: 64,
        valueWidth: 128, rotary: rotary, latentNorm: .rms(1e-6), inputNorm: .rms(1e-6)))
    layer.experts = Experts(
      count: 64, active: 6, intermediateSize: 1408, router: .init(renormalises: false),
      shared: .init(intermediateSize: 2816), inputNorm: .rms(1e-6))
    architecture.layers = LayerStack(repeating: layer, count: 27)
    return architecture
  }

  private func predictor(
    _ device: String = "h100-sxm", devices: Int, parts: Int = 1, exponent: Double = 0
  ) throws -> Predictor {
    try Predictor(
      ProfileTests.shipped(device), .vllm,
      Predictor.Settings(
        tensorParallel: devices,
        sharing: ExpertSharing(parts: parts, routing: Routing(exponent: exponent))))
  }

  private func workload(_ batch: Int) -> ServingWorkload {
    ServingWorkload(prompt: 256, generate: 64, batch: batch)
  }

  @Test func allExpertsTakeMemory() throws {
    let mixtral = try mixtral()
    #expect(abs(Double(mixtral.parameters.total) / 46.7e9 - 1) < 0.01)
    let split = try predictor(devices: 2).predict(mixtral, workload(1))
    // Half of all in bf16, and routers and norms in f32 whole.
    let wanted = 2 * Double(mixtral.parameters.matrices) / 2 + 4 * Double(mixtral.parameters.exact)
    #expect(abs(split.plan.weights / wanted - 1) < 1e-9)
    let dealt = try predictor(devices: 2, parts: 2).predict(mixtral, workload(1))
    #expect(dealt.plan.weights == split.plan.weights)
    #expect(throws: InputError.self) { try predictor(devices: 1).predict(mixtral, workload(1)) }
  }

  /// 576 elements of 2 bytes a layer and token, on every device.
  @Test(arguments: [1, 4]) func compressedCachesAreCopied(devices: Int) throws {
    let prediction = try predictor(devices: devices).predict(try deepseek(), workload(4))
    #expect(prediction.plan.cachePerPosition == 27 * 576 * 2)
  }

  @Test func expertsAreReadOnce() throws {
    let predictor = try predictor(devices: 2)
    let mixtral = try mixtral()
    var last = 0.0
    for batch in [1, 2, 4, 8, 16, 64] {
      let prediction = try predictor.predict(mixtral, workload(batch), breakdown: true)
      let read = try #require(prediction.expertsRead)
      #expect(abs(read - 8 * (1 - pow(0.75, Double(batch)))) < 1e-9)
      let step = prediction.point.timePerOutputToken
      #expect(step > last)
      last = step
      let kinds = Set(prediction.operators.map(\.kind))
      #expect(kinds.isSuperset(of: [.router, .experts, .attention]))
      let sum = prediction.operators.reduce(0) { $0 + $1.cost.seconds }
      #expect(sum < prediction.point.seconds && sum > 0.3 * prediction.point.seconds)
    }
    #expect(try predictor.predict(try llama(), workload(1)).expertsRead == nil)
    let latent = try predictor.predict(try deepseek(), workload(8), breakdown: true)
    let kinds = Set(latent.operators.map(\.kind))
    #expect(kinds.isSuperset(of: [.latentAttention, .experts, .sharedGateUpProjection]))
  }

  /// Favourites are read anyway: skewed routing reads fewer experts a step, but the device that holds
  /// them has more to do than the others.
  @Test func routingMatters() throws {
    let deepseek = try deepseek()
    func seconds(parts: Int, exponent: Double, batch: Int) throws -> Double {
      try predictor(devices: 4, parts: parts, exponent: exponent)
        .predict(deepseek, workload(batch)).point.seconds
    }
    #expect(
      try seconds(parts: 1, exponent: 1.5, batch: 16) < seconds(parts: 1, exponent: 0, batch: 16))
    #expect(
      try seconds(parts: 4, exponent: 1.5, batch: 256) > seconds(parts: 4, exponent: 0, batch: 256))
  }

  @Test(arguments: [
    (4, 3, "3 does not divide the 4 devices", "1, 2, 4"),
    (16, 16, "8 experts of mixtral do not divide by 16", "1, 2, 4, 8"),
    (2, 0, "is 0", "1, 2"),
  ])
  func expertsThatDoNotDivideAreRefused(
    devices: Int, parts: Int, problem: String, expected: String
  ) throws {
    let mixtral = try mixtral()
    let error = #expect(throws: InputError.self) {
      try predictor(devices: devices, parts: parts).predict(mixtral, workload(1))
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("expert_parallel: ") && text.contains(problem), "\(text)")
    #expect(text.hasSuffix(expected), "\(text)")
  }

  @Test func modelsWithoutExpertsAreNotDealt() throws {
    let llama = try llama()
    let error = #expect(throws: InputError.self) {
      try predictor(devices: 2, parts: 2).predict(llama, workload(1))
    }
    #expect(error?.description.contains("has no experts") == true)
  }

  /// A prediction is as good as the forms that it rests on.
  @Test func rungsOfWhatIsPriced() throws {
    let known = try predictor("a100-80gb", devices: 2)
    #expect(known.operatorRung(for: [try mixtral(), try deepseek()]) == .operators)
    var profile = try ProfileTests.shipped("a100-80gb")
    profile.families[RoutedExperts.family] = nil
    let unknown = try Predictor(profile, .vllm, Predictor.Settings(tensorParallel: 2))
    #expect(unknown.operatorRung(for: [try mixtral()]) == .nominal)
    #expect(unknown.operatorRung(for: [try llama()]) == .operators)
    #expect(unknown.evidence.operatorRung == .operators)
  }
}
