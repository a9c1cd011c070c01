import Foundation
import Numerics
import Testing

@Suite struct FittingTests {
  /// NIST StRD's Misra1a: y = b1·(1 - exp(-b2·x)), with certified results.
  private static let misra = (
    x: [
      77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1,
      760.0,
    ],
    y: [
      10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47,
      81.78,
    ]
  )

  private static var misraModel: ResidualModel {
    ResidualModel(rows: 14) { row, p, gradient in
      let decay = exp(-p[1] * misra.x[row])
      gradient[0] = 1 - decay
      gradient[1] = p[0] * misra.x[row] * decay
      return p[0] * (1 - decay) - misra.y[row]
    }
  }

  @Test(arguments: [[500, 0.0001], [250, 0.0005]])
  func certifiedLeastSquares(start: [Double]) throws {
    let solution = LeastSquares.minimize(Self.misraModel, start: start)
    #expect(solution.stop.succeeded)
    #expect(abs(solution.parameters[0] / 238.94212918 - 1) < 1e-7)
    #expect(abs(solution.parameters[1] / 5.5015643181e-4 - 1) < 1e-7)
    #expect(abs(solution.residualSumOfSquares / 0.12455138894 - 1) < 1e-8)
    let jacobian = Self.misraModel.evaluate(solution.parameters).jacobian
    let inverse = try PositiveDefinite(PositiveDefinite.normalMatrix(jacobian)).inverse()
    let variance = solution.residualSumOfSquares / 12
    #expect(abs((variance * inverse[0][0]).squareRoot() / 2.7070075241 - 1) < 1e-6)
    #expect(abs((variance * inverse[1][1]).squareRoot() / 7.2668688436e-6 - 1) < 1e-6)
  }

  @Test func stopsSaysWhy() {
    let short = LeastSquares.minimize(Self.misraModel, start: [500, 0.0001], evaluationLimit: 2)
    #expect(short.stop == .evaluationLimit)
    let broken = ResidualModel(rows: 3) { _, _, gradient in
      gradient[0] = 1
      return .nan
    }
    #expect(LeastSquares.minimize(broken, start: [1]).stop == .notFinite)
    #expect(HuberRegression.minimize(broken, start: [1], delta: 1).stop == .notFinite)
    let line = ResidualModel(rows: 3) { row, p, gradient in
      gradient[0] = 1
      return p[0] - Double(row)
    }
    #expect(
      HuberRegression.minimize(line, start: [9], delta: 0.1, evaluationLimit: 1).stop
        == .evaluationLimit)
  }

  @Test func huberAgreesWithSciPy() throws {
    let line = try NumericsFixture.load().line
    let model = ResidualModel(rows: line.t.count) { row, p, gradient in
      gradient[0] = 1
      gradient[1] = line.t[row]
      return p[0] + p[1] * line.t[row] - line.y[row]
    }
    let solution = HuberRegression.minimize(model, start: [1, 1], delta: line.delta)
    #expect(solution.stop.succeeded)
    #expect(abs(solution.objective / line.objective - 1) < 1e-7)
    #expect(abs(solution.parameters[0] - line.parameters[0]) < 1e-5)
    #expect(abs(solution.parameters[1] - line.parameters[1]) < 1e-5)
  }

  @Test func dependentRowsAreNamed() {
    let matrix = PositiveDefinite.normalMatrix([[1, 2, 3], [2, 4, 1], [3, 6, 5]])
    #expect {
      try PositiveDefinite(matrix)
    } throws: { ($0 as? PositiveDefinite.Dependent)?.row == 1 }
  }
}
