import Foundation
import TestSupport
import Testing

extension CommandTests {
  private func object(_ outcome: Outcome) throws -> [String: Any] {
    #expect(outcome.code == 0, "\(outcome.errors)")
    let value = try JSONSerialization.jsonObject(with: outcome.bytes)
    return try #require((value as? [Any])?.first as? [String: Any] ?? value as? [String: Any])
  }

  @Test func lawsPredict() throws {
    let loss = try object(
      dyno(
        "law", "predict", "panda-3b", "--law", "conditional-1b", "--tokens", "100B", "--output",
        "json"))
    #expect(abs(try #require(loss["loss"] as? Double) - 2.6074) < 1e-4)
    #expect((loss["interval95"] as? [Double])?.count == 2)
    #expect("\(loss["extrapolated"] ?? "")".contains("N = 2.819e+09"))
  }

  /// A smaller model than the anchor is not better than it, and what was done is said.
  @Test func lossesOfOtherSizesAreCarried() throws {
    let loss = try object(
      dyno(
        "law", "predict", "qwen3-0.6b", "--law", "conditional-80m-297m", "--tokens", "100B",
        "--output", "json"))
    #expect(try #require(loss["loss"] as? Double) > 2.9)
    #expect("\(loss["notes"] ?? "")".contains("chinchilla-besiroglu"))
    let ratio = try object(
      dyno(
        "law", "predict", "qwen3-0.6b", "--law", "conditional-80m-297m", "--tokens", "100B",
        "--scaling", "none", "--output", "json"))
    #expect(ratio["loss"] == nil && ratio["interval95"] == nil)
    #expect(ratio["ratio_to_reference"] != nil)
    let anchors = try object(
      dyno("law", "predict", "llama-3.2-1b", "--law", "conditional-1b", "--output", "json"))
    #expect(anchors["loss"] as? Double == 2.803 && anchors["tokens"] as? Double == 1e11)
  }

  @Test func lossesOfSeveralLawsAreNotComparable() throws {
    let several = try dyno(
      "law", "predict", "llama-3.2-1b", "--law", "conditional-1b", "--law", "chinchilla-besiroglu",
      "--tokens", "100B")
    #expect(several.code == 0, "\(several.errors)")
    #expect(several.output.contains("not comparable"))
    #expect(several.output.contains("2.803") && several.output.contains("2.375"))
    // Once, not for each of them.
    #expect(several.output.components(separatedBy: "not comparable").count == 2)
    let one = try dyno("law", "predict", "llama-3.2-1b", "--law", "conditional-1b")
    #expect(!one.output.contains("not comparable"))
    // Each report of JSON says so by itself.
    func notes(_ laws: [String]) throws -> [String] {
      let outcome = try dyno(
        ["law", "predict", "llama-3.2-1b", "--tokens", "100B", "--output", "json"]
          + laws.flatMap { ["--law", $0] })
      let value = try JSONSerialization.jsonObject(with: outcome.bytes)
      return try #require(value as? [[String: Any]]).map { "\($0["notes"] ?? "")" }
    }
    let both = try notes(["conditional-1b", "chinchilla-besiroglu"])
    #expect(both.count == 2 && both.allSatisfy { $0.contains("not comparable") }, "\(both)")
    #expect(try !notes(["conditional-1b"])[0].contains("not comparable"))
    // A loss and a ratio in one table are told apart.
    let mixed = try dyno(
      "law", "predict", "llama-3.2-1b", "smollm2-135m", "--law", "conditional-1b", "--scaling",
      "none")
    #expect(mixed.output.contains("ratio to L_opt") && mixed.output.contains("loss"))
  }

  /// Nobody says how well the ratio with experts and without is known.
  @Test func lossesOfMixturesHaveNoInterval() throws {
    let loss = try object(
      dyno(
        "law", "predict", "mixtral-8x7b", "--law", "chinchilla-besiroglu", "--tokens", "1T",
        "--output", "json"))
    #expect(loss["loss"] != nil && loss["interval95"] == nil && loss["confidence95"] == nil)
    #expect("\(loss["notes"] ?? "")".contains("no interval"))
  }

  @Test func lawsHaveAnOptimum() throws {
    let optimum = try object(
      dyno(
        "law", "optimum", "--law", "conditional-80m-297m", "--parameters", "1B", "--layers", "16",
        "--output", "json"))
    #expect(abs(try #require(optimum["x"] as? Double) - 0.08008) < 1e-5)
    #expect(abs(try #require(optimum["r"] as? Double) - 1.03175) < 1e-5)
    #expect(abs(try #require(optimum["hidden_size"] as? Double) - 2532.4) < 0.1)
    #expect((optimum["architectures"] as? [Any])?.count == 5)
  }

  /// Fitted to a file, the law serves the other commands, with intervals.
  @Test func lawsAreFittedAndUsed() throws {
    try Files.withTemporaryFolder { folder in
      var rows = ["d,f,L,H,K,e,D,reference_loss,loss"]
      for d in [512, 768, 1024, 1280] {
        for f in [1024, 2048, 4096] {
          for heads in [8, 16, 32] {
            let attention = Double(d * 64 * (2 * heads + heads / 2))
            let r = 3 * Double(d * f) / attention
            let x = Double(d) / (8 * (attention + 3 * Double(d * f))).squareRoot()
            let ripple = 1 + 0.001 * sin(Double(rows.count) * 7)
            let loss =
              (1.04 + 0.038 * log(x) + 0.003 / x) * (1 + 0.016 * log(r) + 0.017 / r) * 3 * ripple
            rows.append("\(d),\(f),8,\(heads),\(heads / 4),64,1e10,3,\(loss)")
          }
        }
      }
      let data = folder.appendingPathComponent("runs.csv").path
      try rows.joined(separator: "\r\n").write(toFile: data, atomically: true, encoding: .utf8)
      let law = folder.appendingPathComponent("law.json").path
      let fit = try object(
        dyno(
          "law", "fit", "--form", "conditional-multiplicative", data, "--output", law, "--output",
          "json", "--validate", "k-fold"))
      #expect(fit["stop"] as? String == "converged")
      let parameters = try #require(fit["parameters"] as? [[String: Any]])
      let held = parameters.filter { $0["held"] as? Bool == true }
      #expect(held.map { $0["name"] as? String } == ["b0"])
      #expect(fit["validation"] != nil)
      let optimum = try object(
        dyno(
          "law", "optimum", "--law", law, "--parameters", "100M", "--layers", "8", "--output",
          "json"))
      for key in ["x_interval95", "r_interval95", "hidden_size_interval95"] {
        #expect((optimum[key] as? [Double])?.count == 2, "\(key)")
      }
      let ratio = try object(
        dyno("law", "predict", "llama-3.2-1b", "--law", law, "--output", "json"))
      #expect(ratio["loss"] == nil && ratio["ratio_to_reference"] != nil)
    }
  }

  @Test func badLawInputIsRefused() throws {
    let bad = [
      (["law", "predict", "llama-3.2-1b", "--law", "no-such-law"], "no-such-law"),
      (["law", "predict", "llama-3.2-1b", "--law", "chinchilla-hoffmann"], "--tokens"),
      (
        ["law", "predict", "llama-3.2-1b", "--law", "conditional-1b", "--tokens", "1e400"],
        "--tokens"
      ),
      (
        ["law", "predict", "llama-3.2-1b", "--law", "conditional-1b", "--tokens", "100G"],
        "expected a number such as 100B"
      ),
      (
        ["law", "predict", "smollm2-135m", "--law", "conditional-1b", "--tokens", "100"],
        "with a unit such as 100B"
      ),
      (
        ["law", "predict", "smollm2-135m", "--law", "conditional-1b", "--anchor", "x:3"],
        "expected ARCH:LOSS:TOKENS"
      ),
      (
        [
          "law", "predict", "smollm2-135m", "--law", "conditional-1b", "--scaling",
          "conditional-80m-297m",
        ], "N and D"
      ),
      (
        ["law", "predict", "smollm2-135m", "--law", "chinchilla-hoffmann", "--scaling", "none"],
        "conditional law"
      ),
      (
        ["law", "optimum", "--law", "conditional-1b", "--parameters", "1e308", "--layers", "16"],
        "--parameters"
      ),
      (
        [
          "law", "optimum", "--law", "conditional-1b", "--parameters", "1B", "--layers", "16",
          "--tolerance", "0.4",
        ], "--tolerance: is 0.4; expected above 0, up to 0.1"
      ),
      (
        ["law", "optimum", "--law", "conditional-1b", "--parameters", "1e18", "--layers", "16"],
        "no architecture"
      ),
      (
        ["law", "optimum", "--law", "conditional-1b", "--parameters", "1B", "--layers", "0"],
        "--layers"
      ),
      // An optimum does not depend on where L_opt comes from.
      (
        [
          "law", "optimum", "--law", "conditional-1b", "--parameters", "1B", "--layers", "16",
          "--scaling", "none",
        ], "--scaling"
      ),
      (
        [
          "law", "optimum", "--law", "conditional-1b", "--parameters", "1B", "--layers", "16",
          "--anchor", "llama-3.2-1b:2.8:100B",
        ], "--anchor"
      ),
      (["law", "fit", "--form", "chinchilla", "/nowhere.csv"], "/nowhere.csv"),
      (["law", "fit", "--form", "chinchilla", "/nowhere.csv", "--output", "yaml"], "--output"),
      (["law", "fit", "--form", "parabola", "/nowhere.csv"], "parabola"),
    ]
    for (arguments, expected) in bad {
      let outcome = try dyno(arguments)
      #expect(outcome.code == 2 && outcome.output.isEmpty)
      #expect(outcome.errors.contains(expected), "\(outcome.errors)")
    }
  }
}
