import Architectures
import Foundation
import ScalingLaws

let data = URL(fileURLWithPath: "/work/shared/data/scaling")
func timed<R>(_ label: String, _ body: () throws -> R) rethrows -> R {
  let clock = ContinuousClock()
  let start = clock.now
  let r = try body()
  print(label, clock.now - start)
  return r
}
let t = try TrainingTable(contentsOf: data.appendingPathComponent("chinchilla-epoch.csv"))
let (kept, dropped) = try OutlierRule.fewestTokensPerParameter(5).applied(to: t)
print(dropped)
let fit = try timed("fit") { try LawFit(Chinchilla.self, kept, name: "b", source: "x") }
print(fit.law.parameters, fit.stop, fit.standardErrors, fit.quality, fit.intervals)
let b = timed("boot") { fit.bootstrapped(.cases, count: 1000) }
print(b.law.uncertainty!.resamples.count, b.standardErrors, b.intervals)
let m = try TrainingTable(contentsOf: data.appendingPathComponent("morph-fit.csv"))
let mf = try timed("morph") { try LawFit(AspectRatio.self, m, name: "b", source: "x") }
print(mf.law.parameters, mf.stop, mf.standardErrors, mf.quality)
let mb = timed("boot") { mf.bootstrapped(.residuals, count: 1000) }
print(mb.law.uncertainty!.resamples.count, mb.standardErrors, mb.intervals)
