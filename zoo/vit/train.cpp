#include "vit/train.h"

#include "classifier.h"
#include "vit/model.h"

namespace lilith::zoo {

TrainReport train_vit(const TrainArgs& args) { return train_classifier<Vit>("vit", args, 10); }

}  // namespace lilith::zoo
