#include "spelling.h"

// torch.distributions beyond the common ones, and torchvision.transforms.
namespace lilith::spellings {
namespace {

namespace D = lilith::distributions;
namespace T = lilith::transforms;

// u8 [1,3,4,4].
Tensor photo(const Tensor& img) { return (img * 20 + 60).repeat(1, 2, 1, 1).slice(1, 0, 3).byte(); }

const Row kRows[] = {
    SPELL("D.Weibull(y, p * 4).log_prob(x.exp())", D::Weibull(y, p * 4).log_prob(x.exp())),
    SPELL("D.Weibull(y, p * 4).entropy()", D::Weibull(y, p * 4).entropy()),
    SPELL("D.Weibull(y, p * 4).mean", D::Weibull(y, p * 4).mean()),
    SPELL("D.Weibull(y, p * 4).variance", D::Weibull(y, p * 4).variance()),
    SPELL("D.Pareto(y, p + 3).log_prob(x.exp() + 4)", D::Pareto(y, p + 3).log_prob(x.exp() + 4)),
    SPELL("D.Pareto(y, p + 3).entropy()", D::Pareto(y, p + 3).entropy()),
    SPELL("D.Pareto(y, p + 3).variance", D::Pareto(y, p + 3).variance()),
    SPELL("D.kl_divergence(D.Pareto(y, p), D.Pareto(y * 0.5, p * 2))",
          D::kl_divergence(D::Pareto(y, p), D::Pareto(y * 0.5, p * 2))),
    SPELL("D.Kumaraswamy(y, p * 4).log_prob(x.sigmoid())",
          D::Kumaraswamy(y, p * 4).log_prob(x.sigmoid())),
    SPELL("D.Kumaraswamy(y, p * 4).mean", D::Kumaraswamy(y, p * 4).mean()),
    SPELL("D.HalfCauchy(y).log_prob(x.abs())", D::HalfCauchy(y).log_prob(x.abs())),
    SPELL("D.HalfCauchy(y).entropy()", D::HalfCauchy(y).entropy()),
    SPELL("D.HalfCauchy(y).cdf(x.abs())", D::HalfCauchy(y).cdf(x.abs())),
    SPELL("D.InverseGamma(y + 2, p).log_prob(x.exp())",
          D::InverseGamma(y + 2, p).log_prob(x.exp())),
    SPELL("D.InverseGamma(y + 2, p).entropy()", D::InverseGamma(y + 2, p).entropy()),
    SPELL("D.InverseGamma(y + 2, p).variance", D::InverseGamma(y + 2, p).variance()),
    SPELL("D.FisherSnedecor(y, y + 5).log_prob(x.exp())",
          D::FisherSnedecor(y, y + 5).log_prob(x.exp())),
    SPELL("D.FisherSnedecor(y, y + 5).variance", D::FisherSnedecor(y, y + 5).variance()),
    SPELL("D.VonMises(p, y).log_prob(x)", D::VonMises(p, y).log_prob(x)),
    SPELL("D.VonMises(p, y).variance", D::VonMises(p, y).variance()),
    SPELL("D.VonMises(p, y).sample((5,)).shape", D::VonMises(p, y).sample({5}).shape()),
    SPELL("D.Multinomial(4, p).log_prob(tensor([[1., 3., 0.], [2., 1., 1.]]))",
          D::Multinomial(4, p).log_prob(tensor({{1., 3., 0.}, {2., 1., 1.}}))),
    SPELL("D.Multinomial(4, logits=x).mean", D::Multinomial(4, {.logits = x}).mean()),
    SPELL("D.Multinomial(4, p).sample((3,)).sum(-1)", D::Multinomial(4, p).sample({3}).sum(-1)),
    SPELL("D.NegativeBinomial(y, p).log_prob(n.float())",
          D::NegativeBinomial(y, p).log_prob(n.to(kFloat))),
    SPELL("D.NegativeBinomial(5, logits=x).variance",
          D::NegativeBinomial(5, {.logits = x}).variance()),
    SPELL("D.RelaxedBernoulli(tensor(0.7), p).log_prob(x.sigmoid())",
          D::RelaxedBernoulli(tensor(0.7f), p).log_prob(x.sigmoid())),
    SPELL("D.RelaxedOneHotCategorical(tensor(0.7), p).log_prob(x.softmax(1))",
          D::RelaxedOneHotCategorical(tensor(0.7f), p).log_prob(x.softmax(1))),
    SPELL("D.RelaxedOneHotCategorical(tensor(0.7), logits=x).rsample().sum(-1)",
          D::RelaxedOneHotCategorical(tensor(0.7f), {.logits = x}).rsample().sum(-1)),
    SPELL("D.OneHotCategoricalStraightThrough(p).entropy()",
          D::OneHotCategoricalStraightThrough(p).entropy()),
    SPELL("D.MixtureSameFamily(D.Categorical(p), D.Normal(x, y)).log_prob(tensor([0.5, -1.]))",
          D::MixtureSameFamily(D::Categorical(p), D::Normal(x, y)).log_prob(tensor({0.5, -1.}))),
    SPELL("D.MixtureSameFamily(D.Categorical(p), D.Normal(x, y)).variance",
          D::MixtureSameFamily(D::Categorical(p), D::Normal(x, y)).variance()),
    SPELL("D.MixtureSameFamily(D.Categorical(p), D.Normal(x, y)).sample((5,)).shape",
          D::MixtureSameFamily(D::Categorical(p), D::Normal(x, y)).sample({5}).shape()),
    SPELL("D.kl_divergence(D.Cauchy(x, y), D.Cauchy(p, p))",
          D::kl_divergence(D::Cauchy(x, y), D::Cauchy(p, p))),
    SPELL("D.kl_divergence(D.Uniform(x, x + y), D.Normal(p, y))",
          D::kl_divergence(D::Uniform(x, x + y), D::Normal(p, y))),
    SPELL("D.kl_divergence(D.Laplace(x, y), D.Normal(p, p))",
          D::kl_divergence(D::Laplace(x, y), D::Normal(p, p))),
    SPELL("T.Grayscale()(photo(img))", T::Grayscale()(photo(img))),
    SPELL("T.Grayscale(3)(photo(img) / 255.)", T::Grayscale(3)(photo(img) / 255.)),
    SPELL("T.Pad(1)(img)", T::Pad(1)(img)),
    SPELL("T.Pad((1, 0, 2, 1), padding_mode='reflect')(img)",
          T::Pad({1, 0, 2, 1}, 0, "reflect")(img)),
    SPELL("T.GaussianBlur(3, 0.8)(img)", T::GaussianBlur(3, 0.8)(img)),
    SPELL("T.RandomInvert(1)(photo(img))", T::RandomInvert(1)(photo(img))),
    SPELL("T.RandomSolarize(60, 1)(photo(img))", T::RandomSolarize(60, 1)(photo(img))),
    SPELL("T.RandomPosterize(3, 1)(photo(img))", T::RandomPosterize(3, 1)(photo(img))),
    SPELL("T.RandomAutocontrast(1)(photo(img) / 255.)",
          T::RandomAutocontrast(1)(photo(img) / 255.)),
    SPELL("T.RandomAdjustSharpness(2, 1)(photo(img) / 255.)",
          T::RandomAdjustSharpness(2, 1)(photo(img) / 255.)),
    SPELL("T.ConvertImageDtype(torch.float32)(photo(img))",
          T::ConvertImageDtype(kFloat)(photo(img))),
    SPELL("T.ConvertImageDtype(torch.uint8)(photo(img) / 255.)",
          T::ConvertImageDtype(kByte)(photo(img) / 255.)),
    SPELL("T.Compose([T.Lambda(lambda t: t * 2), T.Normalize((0.5, 0.5), (0.5, 0.5))])(img)",
          T::Compose({T::Lambda([](Tensor t) { return t * 2; }),
                      T::Normalize({0.5, 0.5}, {0.5, 0.5})})(img)),
    SPELL("T.functional.hflip(img)", T::functional::hflip(img)),
    SPELL("T.functional.crop(img, 1, 0, 2, 3)", T::functional::crop(img, 1, 0, 2, 3)),
    SPELL("T.functional.adjust_brightness(photo(img) / 255., 1.5)",
          T::functional::adjust_brightness(photo(img) / 255., 1.5)),
    SPELL("T.functional.adjust_contrast(photo(img) / 255., 0.5)",
          T::functional::adjust_contrast(photo(img) / 255., 0.5)),
    SPELL("T.functional.adjust_saturation(photo(img) / 255., 2)",
          T::functional::adjust_saturation(photo(img) / 255., 2)),
};

}  // namespace

std::vector<Row> distribution_rows() { return {std::begin(kRows), std::end(kRows)}; }

}  // namespace lilith::spellings
